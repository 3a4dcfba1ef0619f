package control

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Serve answers on l, which has to be of [Listen] or [Inherit], and at the other doors until
// ctx ends; then it ends the streams, gives answers under way two seconds, and closes every
// listener and every connection. It returns nil after an end by ctx, and an error when l
// fails; a door that fails is only told. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.cut()
	dl, ok := l.(deadlineListener)
	if !ok {
		return fmt.Errorf("cannot serve a listener of type %T", l)
	}
	s.mu.Lock()
	main := s.doors[0]
	main.listener = dl
	s.interrupt()
	s.mu.Unlock()
	closeAll := func() {
		for _, d := range s.doors {
			d.listener.Close()
		}
	}
	stop := context.AfterFunc(ctx, closeAll)
	for _, d := range s.doors[1:] {
		go func() {
			if err := s.accept(ctx, d); ctx.Err() == nil {
				s.errors.Printf("cannot serve %q any more: %v", d.listener.Addr(), err)
			}
		}()
	}
	err := s.accept(ctx, main)
	if stop() { // ctx is not done: the listener failed
		s.shutdown(0)
		closeAll()
		return fmt.Errorf("cannot serve %q: %w", l.Addr(), err)
	}
	s.shutdown(graceTimeout)
	return nil
}

// start serves a connection that came by a door.
func (s *Server) start(nc net.Conn, d *door, was *Carried) error {
	c, err := s.newConn(nc, d, was)
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
