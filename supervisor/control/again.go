package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// A stream that breaks off (the supervisor was killed; an upgrade does not
// break it) is taken up again at the supervisor that comes after.
const (
	patience   = 30 * time.Second // how long to look for it
	retryEvery = 100 * time.Millisecond
)

// isLost says that a connection ended in the middle.
func isLost(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// lostOrder says of an order whose connection is lost what that may mean.
func (c *Client) lostOrder(err error) error {
	return &UnreachableError{URL: c.URL(), Cause: Lost, Hint: fmt.Sprintf(
		"the supervisor went away while it had the order (%v); it may have been taken: see bulkhead ctl status", rootOf(err))}
}

// returned waits until a server answers again; say tells the user.
func (c *Client) returned(ctx context.Context, say func(string)) error {
	say("the supervisor went away; looking for the next one")
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("no supervisor has come in "+patience.String()))
	defer cancel()
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		info, err := c.Version(ctx)
		if err == nil {
			say(fmt.Sprintf("the supervisor is back (pid %d)", info.PID))
			return nil
		}
		var away *UnreachableError
		if ctx.Err() == nil && (!errors.As(err, &away) || away.Cause == NotAllowed || away.Cause == NotBulkhead) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &UnreachableError{URL: c.URL(), Cause: Broken, Hint: context.Cause(ctx).Error()}
		}
	}
}

// FollowEvents is [Client.Events] with follow that survives the supervisor: it
// waits up to half a minute for the next one and goes on there. say gets
// sentences for the user: that it went and came back, and what is missing.
func (c *Client) FollowEvents(ctx context.Context, after uint64, each func(Event) error, say func(string)) error {
	f := &eventFollower{last: Event{Serial: after, At: time.Now()}, each: each, say: say}
	err := c.Events(ctx, after, true, f.take)
	for isLost(err) && f.failed == nil && ctx.Err() == nil {
		if err = c.returned(ctx, say); err == nil {
			f.joining = true
			err = c.Events(ctx, 0, true, f.take)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eventFollower finds its place among the events of another supervisor, which
// may have gone on with the numbers of the one before.
type eventFollower struct {
	last    Event // the last that was passed on
	joining bool  // nothing was passed on yet from this supervisor
	each    func(Event) error
	say     func(string)
	failed  error // of each
}

func (f *eventFollower) take(e Event) error {
	if f.joining {
		switch {
		case e.Serial <= f.last.Serial && !e.At.After(f.last.At):
			return nil // passed on before
		case e.Serial <= f.last.Serial:
			f.say("its events are numbered anew; some may be missing")
		case e.Serial > f.last.Serial+1:
			f.say(fmt.Sprintf("events %d to %d are missing", f.last.Serial+1, e.Serial-1))
		}
		f.joining = false
	}
	f.last = e
	f.failed = f.each(e)
	return f.failed
}

// place is the part of a log position that a client may know and ask for. It
// names no path: which log is meant, the name says.
type place struct {
	Dev    uint64 `json:"dev"`
	Inode  uint64 `json:"inode"`
	Born   int64  `json:"born"`
	Offset int64  `json:"offset"`
	Lost   bool   `json:"lost,omitempty"`
}

// placeOf encodes a reader's position for a header, "" when it has none.
func placeOf(log TailReader) string {
	at, ok := log.(positioned)
	if !ok {
		return ""
	}
	var p place
	if json.Unmarshal(encodeNote(at.Position()), &p) != nil {
		return ""
	}
	return string(encodeNote(p))
}

// FollowTail is [Client.Tail] with follow that survives the supervisor, as
// [Client.FollowEvents] does.
func (c *Client) FollowTail(ctx context.Context, name, channel string, n int64, say func(string)) (io.ReadCloser, error) {
	f := &tailFollower{client: c, ctx: ctx, say: say, ask: tailQuery(name, channel, n, true)}
	return f, f.open(f.ask)
}

type tailFollower struct {
	client *Client
	ctx    context.Context
	say    func(string)
	ask    url.Values
	body   io.ReadCloser
	begin  string // where body began
	lost   bool   // not where it should have
	read   int64  // of body
}

func (f *tailFollower) open(q url.Values) error {
	resp, err := f.client.do(f.ctx, http.MethodGet, "tail", q, nil)
	if err != nil {
		return err
	}
	var p place
	f.body, f.begin, f.read = resp.Body, resp.Header.Get(positionHeader), 0
	f.lost = json.Unmarshal([]byte(f.begin), &p) != nil || p.Lost
	return nil
}

func (f *tailFollower) Read(p []byte) (int, error) {
	for {
		n, err := f.body.Read(p)
		f.read += int64(n)
		if n > 0 || err == nil || err == io.EOF || !isLost(err) || f.ctx.Err() != nil {
			return n, err
		}
		if err := f.again(); err != nil {
			return 0, err
		}
	}
}

// again goes on behind the last byte that was read.
func (f *tailFollower) again() error {
	f.body.Close()
	for {
		if err := f.client.returned(f.ctx, f.say); err != nil {
			return err
		}
		q := url.Values{}
		for k, v := range f.ask {
			q[k] = v
		}
		if f.begin != "" {
			q.Set("at", f.begin)
			q.Set("read", strconv.FormatInt(f.read, 10))
		}
		q.Set("bytes", "0")
		err := f.open(q)
		var away *UnreachableError
		if errors.As(err, &away) && away.Cause != NotBulkhead && away.Cause != NotAllowed {
			continue
		}
		if err == nil && f.lost {
			f.say("the log is no longer where it was; lines may be missing")
		}
		return err
	}
}

func (f *tailFollower) Close() error { return f.body.Close() }
