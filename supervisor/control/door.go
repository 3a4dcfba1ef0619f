package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Door is a way in beside the one that [Server.Serve] is given.
type Door struct {
	Name     string // by which the next image knows whose a connection is; not ""
	Listener net.Listener
	Guard    func(http.Handler) http.Handler // who may come in; nil: everybody
}

// door is a [Door] with its handlers. Of the name "" is the one of [Server.Serve].
type door struct {
	name      string
	handler   http.Handler
	accepting sync.Mutex       // an Accept is under way
	listener  deadlineListener // nil: not open
}

type deadlineListener interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// Guard says who may come in by the listener of [Server.Serve]. Like [Server.Open], it is
// called before Carry and Serve.
func (s *Server) Guard(g func(http.Handler) http.Handler) { s.doors[0].handler = g(s.handler) }

// Open adds a door. Its listener is the server's from then on.
func (s *Server) Open(d Door) error {
	l, ok := d.Listener.(deadlineListener)
	if !ok {
		return fmt.Errorf("cannot serve a listener of type %T", d.Listener)
	}
	h := s.handler
	if d.Guard != nil {
		h = d.Guard(h)
	}
	s.doors = append(s.doors, &door{name: d.Name, handler: h, listener: l})
	return nil
}

func (s *Server) door(name string) *door {
	for _, d := range s.doors {
		if d.name == name {
			return d
		}
	}
	return nil
}

// accept takes connections until the listener fails.
func (s *Server) accept(ctx context.Context, d *door) error {
	var pause time.Duration
	for {
		d.accepting.Lock()
		nc, err := d.listener.Accept()
		if err == nil {
			err = s.start(nc, d, nil)
		}
		d.accepting.Unlock()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, os.ErrDeadlineExceeded): // Freeze
		case !errors.Is(err, net.ErrClosed) && ctx.Err() == nil: // no descriptor, no memory, no room in epoll: a later one may succeed
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.errors.Printf("cannot accept a connection: %v; trying again in %v", err, pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		default:
			return err
		}
	}
}

// interrupt ends every Accept that waits while the server is frozen, whether it
// has got a connection or not.
func (s *Server) interrupt() {
	var deadline time.Time
	if s.frozen {
		deadline = time.Unix(1, 0)
	}
	for _, d := range s.doors {
		if d.listener != nil {
			_ = d.listener.SetDeadline(deadline) // of a closed one: then there is nothing to end
		}
	}
}
