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
)

// UnreachableError says that no answer of the protocol came from a socket.
type UnreachableError struct {
	URL   string
	Cause Cause
	Hint  string // what it looks like and what to do
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("cannot reach %s: %s", e.URL, e.Hint) }

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
		e.Cause, e.Hint = Broken, rootOf(err).Error()
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
func isProtocol(err error) bool {
	var p *http.ProtocolError
	if errors.As(err, &p) {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if text := err.Error(); len(text) > 8 && text[:9] == "malformed" {
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
		return "run as root"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o020 == 0 {
		return "run as " + userName(st)
	}
	group := strconv.Itoa(int(st.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	if group == "root" {
		return "run as " + userName(st)
	}
	return fmt.Sprintf("run as %s or add yourself to group %q", userName(st), group)
}

func userName(st *syscall.Stat_t) string {
	if st == nil || st.Uid == 0 {
		return "root"
	}
	uid := strconv.Itoa(int(st.Uid))
	if u, err := user.LookupId(uid); err == nil {
		return fmt.Sprintf("root or %q", u.Username)
	}
	return "root or uid " + uid
}
