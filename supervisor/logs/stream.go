package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Stream is one output of a run.
type Stream struct {
	s  *Streams
	id StreamID
	e  entry
	r  *os.File // our end, until Start

	closing sync.Once
}

// Path is the FIFO's.
func (st *Stream) Path() string { return st.s.path(st.id) }

// Keep returns a descriptor that keeps what is in the FIFO while neither the
// child nor we have it open. It is open for both, close-on-exec, and the caller's to close.
func (st *Stream) Keep() (fd int, err error) {
	fd, err = openFIFO(st.Path(), unix.O_RDWR|unix.O_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("cannot open %s: %w", st.id, err)
	}
	return fd, nil
}

// Count is what the tap has counted so far, as committed.
func (st *Stream) Count() uint64 { return st.e.tap().count }

// TapState is the tap's state that belongs to Count; nil when there is none.
func (st *Stream) TapState() []byte {
	state := st.e.tap().state
	if len(state) == 0 {
		return nil
	}
	return bytes.Clone(state)
}

// Tap is given every byte of a stream, in order, and returns the new cumulative count
// and its state, at most StateMost bytes, which are committed together: what a
// supervisor had given its tap without living to commit it, the successor gives to a
// tap that goes on from TapState. It must not keep the chunk; the state is copied.
type Tap func(chunk []byte) (count uint64, state []byte)

// Start is StartTo for who only logs and counts. Without a sink the output is thrown away;
// tap may be nil.
func (st *Stream) Start(sink *Sink, tap Tap) (*Pump, error) {
	return st.StartTo(Outlet{Sink: sink, Tap: tap})
}

// StartTo begins to read, first of all what an earlier supervisor had read and not written.
// A stream is started once; to go on after Close it must be opened anew.
func (st *Stream) StartTo(out Outlet) (*Pump, error) {
	if st.r == nil {
		return nil, fmt.Errorf("cannot read %s: it was started before", st.id)
	}
	if out.Tap != nil {
		if err := st.s.enterTap(st.e); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", st.id, err)
		}
	}
	raw, err := st.r.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", st.id, err)
	}
	p := &Pump{r: st.r, raw: raw, out: out, ended: st.ended, holdTime: st.s.holdTime, done: make(chan struct{})}
	p.stage.s, p.stage.e = st.s, st.e
	if out.Tap != nil {
		p.tap = p.stage.tapInto(out.Tap)
	}
	st.r = nil
	st.s.mu.Lock()
	st.s.pumps++
	st.s.mu.Unlock()
	go p.run()
	return p, nil
}

// ended is called when the pump is done.
func (st *Stream) ended() {
	st.s.release(st.id)
	st.s.mu.Lock()
	st.s.pumps--
	st.s.mu.Unlock()
}

// Remove ends the stream and removes all that is kept of it, unread output too.
// The pump must be done or not have been started.
func (st *Stream) Remove() error {
	if st.r != nil {
		st.r.Close()
		st.r = nil
	}
	err := os.Remove(st.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	st.closing.Do(func() { st.s.forget(st.id) })
	if err != nil {
		return fmt.Errorf("cannot remove %s: %v", st.id, cause(err))
	}
	return nil
}
