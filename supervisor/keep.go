package supervisor

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/keeper"
)

// keep is our side of the keeper, the process that holds the output pipes open
// should we end. One that dies is replaced, and given everything again.
type keep struct {
	open func() (*keeper.Keeper, error)
	all  func()      // has everything held again
	tell func(error) // of one that could not be had

	tried chan struct{} // closed when the first one is there, or could not be had

	mu     sync.Mutex
	k      *keeper.Keeper // nil while there is none
	closed bool
}

const (
	keepAgain = time.Second
	keepMost  = time.Minute
)

// newKeep connects, or goes on trying. A keeper takes two executions of this program to
// start, which nobody waits for but who has something to hold.
func newKeep(open func() (*keeper.Keeper, error), all func(), tell func(error)) *keep {
	k := &keep{open: open, all: all, tell: tell, tried: make(chan struct{})}
	go func() {
		err := k.connect()
		close(k.tried)
		if err != nil {
			tell(err)
			k.again()
		}
	}()
	return k
}

func (k *keep) connect() error {
	got, err := k.open()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		got.Close()
		return nil
	}
	k.k = got
	go func() {
		<-got.Lost()
		k.mu.Lock()
		mine := k.k == got && !k.closed
		if mine {
			k.k = nil
		}
		k.mu.Unlock()
		if mine && !errors.Is(got.Err(), keeper.ErrReplaced) {
			k.tell(got.Err())
			k.again()
		}
	}()
	return nil
}

func (k *keep) again() {
	for wait := time.Duration(0); ; wait = min(max(2*wait, keepAgain), keepMost) {
		time.Sleep(wait)
		k.mu.Lock()
		closed := k.closed
		k.mu.Unlock()
		if closed {
			return
		}
		if k.connect() == nil {
			k.all()
			return
		}
	}
}

// get returns the connection, nil when there is none. It waits for the first attempt.
func (k *keep) get() *keeper.Keeper {
	if k == nil {
		return nil
	}
	<-k.tried
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.k
}

// hold has fd kept; without a keeper it is not, which was told once.
func (k *keep) hold(name string, fd int) error {
	if c := k.get(); c != nil {
		return c.Hold(name, fd)
	}
	return nil
}

func (k *keep) drop(name string) {
	if c := k.get(); c != nil {
		c.Drop(name)
	}
}

// end lets the keeper end: nothing runs any more. Otherwise it goes on for our successor.
func (k *keep) end(nothing bool) {
	if k == nil {
		return
	}
	<-k.tried
	k.mu.Lock()
	c := k.k
	k.k, k.closed = nil, true
	k.mu.Unlock()
	if c == nil {
		return
	}
	if held, err := c.Held(); nothing || err == nil && len(held) == 0 {
		c.End()
	}
	c.Close()
}

// newKeeper is the keeper of this supervisor's runtime directory. Where there are
// cgroups it lives in one beside the programs: what ends us does not end it.
func newKeeper(h *host, c conf.Supervisor) *keep {
	o := keeper.Options{Socket: filepath.Join(c.RuntimeDir(), "keeper.sock"), CgroupFD: -1,
		Failed: func(name string, err error) {
			h.post(trouble{what: "the keeper cannot hold " + name, err: err})
		}}
	open := func() (*keeper.Keeper, error) {
		o := o
		fd, err := h.tree.KeepFD()
		if err != nil {
			return nil, err
		}
		if fd >= 0 {
			o.CgroupFD = fd
			defer unix.Close(fd)
		}
		k, err := keeper.Open(o)
		if err == nil {
			err = h.tree.Keep(k.PID())
		}
		return k, err
	}
	all := func() {
		for _, p := range h.all() {
			p.keepStreams()
		}
	}
	tell := func(err error) {
		go h.post(trouble{what: "there is no keeper, the last lines of a run would be lost with the supervisor", err: err})
	}
	return newKeep(open, all, tell)
}
