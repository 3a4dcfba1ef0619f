package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// maxInput is how much of a client's words is kept: the request in hand and
	// what it sent ahead of the answer.
	maxInput = maxHeader + maxBody + 64<<10
	readSize = 4 << 10
	// linger is how long a client may go on talking after it was hung up on.
	// Closed at once over unread input, a socket tells it of a reset (unix(7))
	// and not of the answer.
	linger = 500 * time.Millisecond
)

var errInputFull = fmt.Errorf("request is larger than %d bytes", maxInput)

// conn is a connection that can change hands at any moment: what was received
// and is not answered yet is still in in, what was said is on the wire or
// still in out, and both change only under mu, together with the system calls
// that move them. So whoever holds mu knows all about the connection.
type conn struct {
	server  *Server
	door    *door
	nc      net.Conn
	raw     syscall.RawConn
	ctx     context.Context // over when the client is gone or the server ends
	cancel  context.CancelFunc
	carried bool          // from the image before
	arrived chan struct{} // in has grown, or input or deadline have changed
	room    chan struct{} // in has shrunk

	mu       sync.Mutex
	in       []byte // received, not answered; begins with the request in hand
	parsed   int    // of in, how much the parser has
	inputErr error  // why nothing more comes
	deadline time.Time
	out      []byte // said, not on the wire
	last     bool   // the end follows out
	begun    bool   // of the answer in hand the beginning was said
	note     *Note  // of the request in hand
	busy     bool   // between a request and the last byte of its answer
	dead     bool   // about to be closed
}

// newConn makes a connection; c is what it was in the image before, nil for a
// new one.
func (s *Server) newConn(nc net.Conn, d *door, c *Carried) (*conn, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("cannot serve a connection of type %T", nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	carried := c != nil
	if !carried {
		c = &Carried{}
	}
	n := &conn{
		carried: carried, server: s, door: d, nc: nc, raw: raw, arrived: make(chan struct{}, 1), room: make(chan struct{}, 1),
		in: c.Input, out: c.Output, last: c.Last, begun: c.Begun, note: &Note{text: c.Note},
	}
	n.ctx, n.cancel = context.WithCancel(s.base)
	return n, nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// receive moves what arrives into in until nothing more comes. It also runs
// while an answer is made: a client that goes away ends its request.
func (c *conn) receive() {
	for {
		full := false
		var end error
		err := c.raw.Read(func(fd uintptr) (done bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if full = len(c.in) >= maxInput; full {
				return true
			}
			done, end = c.take(int(fd))
			return done
		})
		if err != nil {
			end = err
		}
		if end != nil {
			c.mu.Lock()
			c.inputErr = end
			c.mu.Unlock()
			nudge(c.arrived)
			c.cancel()
			return
		}
		nudge(c.arrived)
		if full {
			select {
			case <-c.room:
			case <-c.ctx.Done():
				return
			}
		}
	}
}

// take reads once; false means that there is nothing now.
func (c *conn) take(fd int) (bool, error) {
	c.in = slices.Grow(c.in, readSize)
	for {
		n, err := syscall.Read(fd, c.in[len(c.in):len(c.in)+readSize])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false, nil
		case err != nil:
			return true, err
		case n == 0:
			return true, io.EOF
		default:
			c.in = c.in[:len(c.in)+n]
			return true, nil
		}
	}
}

// Read gives input to the parser, which leaves it in place.
func (c *conn) Read(p []byte) (int, error) {
	for {
		c.mu.Lock()
		n := copy(p, c.in[c.parsed:])
		c.parsed += n
		err, deadline := c.inputErr, c.deadline
		if err == nil && c.parsed >= maxInput {
			err = errInputFull
		}
		c.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if err := c.await(deadline); err != nil {
			return 0, err
		}
	}
}

func (c *conn) await(deadline time.Time) error {
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-c.arrived:
		return nil
	case <-late:
		return os.ErrDeadlineExceeded
	case <-c.server.base.Done():
		return net.ErrClosed
	}
}

// setDeadline limits how long the parser waits; zero is for ever.
func (c *conn) setDeadline(t time.Time) {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	nudge(c.arrived)
}

// say appends to an answer that is in hand, with the note that holds once text
// is said, and waits until all is on the wire.
func (c *conn) say(text []byte, note json.RawMessage) error {
	c.mu.Lock()
	c.out = append(c.out, text...)
	c.begun = true
	if note != nil {
		c.note.put(note)
	}
	c.mu.Unlock()
	return c.flush()
}

// finish says the end of an answer and forgets its request, which is the
// first n bytes of the input. With last the connection ends there too.
func (c *conn) finish(text []byte, n int, last bool) error {
	c.mu.Lock()
	c.out = append(c.out, text...)
	c.in = slices.Clone(c.in[n:])
	c.parsed, c.begun, c.note, c.last = 0, false, &Note{}, last
	c.mu.Unlock()
	nudge(c.room)
	return c.flush()
}

// flush waits until out is on the wire.
func (c *conn) flush() error {
	var failed error
	err := c.raw.Write(func(fd uintptr) (done bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for len(c.out) > 0 {
			n, err := syscall.Write(int(fd), c.out)
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return false
			case err != nil:
				failed = err
				return true
			}
			c.out = c.out[n:]
		}
		c.out = nil
		return true
	})
	return errors.Join(err, failed)
}

// setBusy says whether the server's end has to wait for this connection; false
// when it has already been told to go.
func (c *conn) setBusy(busy bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = busy
	return !c.dead
}

// hangUp ends a connection nobody is to be answered on any more.
func (c *conn) hangUp() {
	c.mu.Lock()
	c.dead = true
	c.mu.Unlock()
	c.cancel()
	c.nc.Close()
}

// hangUpIdle ends the connection if nothing is being answered.
func (c *conn) hangUpIdle() {
	c.mu.Lock()
	idle := !c.busy
	c.dead = c.dead || idle
	c.mu.Unlock()
	if idle {
		c.cancel()
		c.nc.Close()
	}
}

// part ends a connection from our side, the client's words unread if need be.
func (c *conn) part() {
	c.mu.Lock()
	c.dead = true
	over := c.inputErr != nil
	c.mu.Unlock()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && !over && half.CloseWrite() == nil {
		_ = c.nc.SetReadDeadline(time.Now().Add(linger))
		c.discard()
	}
	c.hangUp()
}

// discard throws input away until receive has seen its end.
func (c *conn) discard() {
	for {
		c.mu.Lock()
		over := c.inputErr != nil
		c.in, c.parsed = nil, 0
		c.mu.Unlock()
		nudge(c.room)
		if over || c.await(time.Time{}) != nil {
			return
		}
	}
}
