package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// Cause says why a server could not be reached.
type Cause int

const (
	NoSocket    Cause = iota + 1 // nothing at the path
	Refused                      // a socket nobody listens on
	NotAllowed                   // the socket's mode or a directory's
	NotBulkhead                  // somebody else answers, or another version
	Broken                       // the connection ended in the middle
	Lost                         // so it did, and an order was in the server's hands
)

// UnreachableError says that no answer of the protocol came from a socket.
type UnreachableError struct {
	URL   string
	Cause Cause
	Hint  string // what it looks like and what to do
	err   error
}

func (e *UnreachableError) Error() string {
	if e.Cause == Lost {
		return fmt.Sprintf("lost the connection to %s: %s", e.URL, e.Hint)
	}
	return fmt.Sprintf("cannot reach %s: %s", e.URL, e.Hint)
}

// Unwrap returns what the connection said, as far as that matters: isLost asks.
func (e *UnreachableError) Unwrap() error { return e.err }

// unreachable tells the failures of a connection apart.
func (c *Client) unreachable(ctx context.Context, err error) error {
	e := &UnreachableError{URL: c.URL()}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		e.Cause, e.Hint = NoSocket, "is bulkhead serve running?"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause, e.Hint = Refused, "is bulkhead serve running?"
	case errors.Is(err, fs.ErrPermission):
		e.Cause, e.Hint = NotAllowed, "permission denied: "+whoMay(c.path)
	case errors.Is(err, syscall.EINVAL):
		e.Cause, e.Hint = NoSocket, "not a path a unix socket can have"
	case isProtocol(err):
		e.Cause, e.Hint = NotBulkhead, "it does not speak bulkhead's protocol"
	default:
		e.Cause, e.Hint, e.err = Broken, rootOf(err).Error(), rootOf(err)
	}
	return e
}

// stranger is an HTTP server, but not ours.
func (c *Client) stranger(resp *http.Response) error {
	hint := "it does not speak bulkhead's protocol"
	if v := resp.Header.Get(protocolHeader); v != "" {
		hint = fmt.Sprintf("it speaks version %q of bulkhead's protocol, not %q", clip(v), Version)
	} else if s := resp.Header.Get("Server"); s != "" {
		hint += fmt.Sprintf(" (it says it is %q)", clip(s))
	}
	return &UnreachableError{URL: c.URL(), Cause: NotBulkhead, Hint: hint}
}

// isProtocol says that somebody answered with something that is not HTTP.
// net/http has no error value for it.
func isProtocol(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "malformed HTTP") {
			return true
		}
	}
	return false
}

// rootOf strips "Get http://bulkhead/…:" from the front.
func rootOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// whoMay says who is allowed to connect, as far as the socket's mode shows.
func whoMay(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "run as root" // a directory on the way is what keeps us out
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "run as root"
	}
	return who(info.Mode(), st.Uid, st.Gid)
}

// who may write to a file, which is what connecting takes (unix(7)).
func who(mode fs.FileMode, uid, gid uint32) string {
	text := "run as root"
	if uid != 0 {
		text += " or " + named(uid, user.LookupId, "uid")
	}
	if mode&0o020 != 0 && gid != 0 { // to be in group root is nothing to wish for
		text += " or add yourself to group " + named(gid, groupName, "number")
	}
	return text
}

func groupName(id string) (*user.User, error) {
	g, err := user.LookupGroupId(id)
	if err != nil {
		return nil, err
	}
	return &user.User{Username: g.Name}, nil
}

// named is an id by its name, or as a number of its kind.
func named(id uint32, lookup func(string) (*user.User, error), kind string) string {
	text := strconv.FormatUint(uint64(id), 10)
	if u, err := lookup(text); err == nil {
		return strconv.Quote(u.Username)
	}
	return kind + " " + text
}
