package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
)

// Carried is one connection on its way into the next image of this process.
type Carried struct {
	FD     int             `json:"fd"`               // close-on-exec as yet
	Door   string          `json:"door,omitempty"`   // by which it came
	Input  []byte          `json:"input,omitempty"`  // received and not answered; may end in the middle of a request
	Output []byte          `json:"output,omitempty"` // said and not on the wire
	Last   bool            `json:"last,omitempty"`   // the end follows Output
	Begun  bool            `json:"begun,omitempty"`  // the answer to the first request in Input
	Note   json.RawMessage `json:"note,omitempty"`   // of the first request in Input, see [NoteOf]
}

// Freeze stops the server where it is and returns every connection. Until
// [Server.Thaw] nothing is accepted, read or written; handlers that have
// something to say wait, those that wait for something else go on, and
// nothing of what they do then is known to the next image.
//
// It is called once before a Thaw, and not while the server is ending. It waits
// for nothing but system calls that do not block.
func (s *Server) Freeze() []Carried {
	s.mu.Lock()
	s.frozen = true
	s.interrupt()
	s.mu.Unlock()
	for _, d := range s.doors {
		d.accepting.Lock()
	}
	s.mu.Lock()
	var all []Carried
	for c := range s.conns {
		c.mu.Lock()
		if fd, ok := c.descriptor(); ok && !c.dead {
			all = append(all, Carried{FD: fd, Door: c.door.name, Input: c.in, Output: c.out, Last: c.last, Begun: c.begun, Note: c.note.get()})
		}
	}
	return all
}

// Thaw lets the server go on after [Server.Freeze] as if nothing had been.
func (s *Server) Thaw() {
	for c := range s.conns {
		c.mu.Unlock()
	}
	s.frozen = false
	s.interrupt()
	s.mu.Unlock()
	for _, d := range s.doors {
		d.accepting.Unlock()
	}
}

func (c *conn) descriptor() (n int, ok bool) {
	err := c.raw.Control(func(fd uintptr) { n = int(fd) })
	return n, err == nil
}

// Carry goes on with the connections of the image before, at once; it may be
// called before or after [Server.Serve]. Each descriptor is the server's from then on,
// close-on-exec again. A request that had no answer yet is handled anew, and
// finds its note; a stream goes on where it was. An error names connections
// that could not be taken up, which are closed.
func (s *Server) Carry(all []Carried) error {
	var errs []error
	for _, c := range all {
		if err := s.resume(c); err != nil {
			errs = append(errs, fmt.Errorf("cannot carry connection %d on: %v", c.FD, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Server) resume(c Carried) error {
	f := os.NewFile(uintptr(c.FD), "connection")
	if f == nil {
		return errors.New("not a descriptor")
	}
	defer f.Close()
	nc, err := net.FileConn(f) // a duplicate
	if err != nil {
		return err
	}
	d := s.door(c.Door)
	if d == nil {
		nc.Close()
		return fmt.Errorf("%q is not served any more", c.Door)
	}
	return s.start(nc, d, &c)
}
