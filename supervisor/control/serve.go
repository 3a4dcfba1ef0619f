package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Serve answers on l, which has to be of [Listen] or [Inherit], until ctx ends;
// then it ends the streams, gives answers under way two seconds, and closes l
// and every connection. It returns nil after an end by ctx. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.cut()
	dl, ok := l.(deadlineListener)
	if !ok {
		return fmt.Errorf("cannot serve a listener of type %T", l)
	}
	s.mu.Lock()
	s.listener = dl
	s.interrupt()
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	err := s.accept(ctx, dl)
	if stop() { // ctx is not done: the listener failed
		s.shutdown(0)
		l.Close()
		return fmt.Errorf("cannot serve %q: %w", l.Addr(), err)
	}
	s.shutdown(graceTimeout)
	return nil
}

// accept takes connections until the listener fails.
func (s *Server) accept(ctx context.Context, l net.Listener) error {
	var pause time.Duration
	for {
		s.accepting.Lock()
		nc, err := l.Accept()
		if err == nil {
			err = s.start(nc, nil)
		}
		s.accepting.Unlock()
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

// start serves a connection.
func (s *Server) start(nc net.Conn, was *Carried) error {
	c, err := s.newConn(nc, was)
	if err != nil {
		nc.Close()
		return err
	}
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	go c.receive()
	go c.serve()
	return nil
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.gone != nil && len(s.conns) == 0 {
		close(s.gone)
		s.gone = nil
	}
}

// shutdown ends idle connections at once, the others when they are answered or
// the time is over.
func (s *Server) shutdown(grace time.Duration) {
	s.end()
	gone := make(chan struct{})
	s.mu.Lock()
	if len(s.conns) == 0 {
		close(gone)
	} else {
		s.gone = gone
	}
	for c := range s.conns {
		c.hangUpIdle()
	}
	s.mu.Unlock()
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-gone:
		return
	case <-late.C:
	}
	s.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.hangUp() // there is nothing left to tell them
	}
}
