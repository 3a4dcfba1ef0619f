package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
)

// killer kills runs on a thread of its own, which waits in the kernel for that and nothing
// else. Where the host is out of memory a goroutine would have to be made, and for
// that, as it may find every thread in a system call, a thread: a clone(2) that waits for memory, and
// ends the process where it fails (runtime, newosproc).
//
// From do to the kill nothing is allocated, opened, forked or executed, and no lock is
// taken that is held over anything that waits: a write wakes the thread, a write to the run's cgroup.kill
// kills, and pidfd_send_signal(2) its main process. What goes before it, the
// decision, is ordinary Go on the loop's goroutine; what follows, telling, too.
type killer struct {
	wake  int                     // eventfd, blocking: a thread waits in read(2)
	todo  atomic.Pointer[process] // the last one, which leads to the others by next
	count [8]byte                 // what is read from wake
	over  atomic.Bool
}

func newKiller() (*killer, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an event descriptor: %v", err)
	}
	return &killer{wake: fd}, nil
}

// do has p killed. p.killing must have been set for it; p is in the list once.
func (k *killer) do(p *process) {
	for {
		p.next = k.todo.Load()
		if k.todo.CompareAndSwap(p.next, p) {
			break
		}
	}
	k.rouse()
}

var one = [8]byte{1}

func (k *killer) rouse() { _, _ = unix.Write(k.wake, one[:]) }

// run kills until stop.
func (k *killer) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !k.over.Load() {
		if _, err := unix.Read(k.wake, k.count[:]); err != nil && err != unix.EINTR {
			return // only a closed descriptor can do that
		}
		for p := k.todo.Swap(nil); p != nil; {
			next := p.next // p may be back in the list once it is struck
			p.strike()
			p = next
		}
	}
}

func (k *killer) stop() {
	k.over.Store(true)
	k.rouse()
}

// strike kills with what one call each can do. Where that is not all (no
// cgroup.kill, no cgroup) the rest is looked for, which takes memory and time, by others.
func (p *process) strike() {
	done := p.comp.Strike()
	if !done {
		_ = p.child.SignalGroup(syscall.SIGKILL) // as Signal
	}
	_ = p.child.Signal(syscall.SIGKILL) // in case it is not in there; done is what is wanted
	if done {
		p.killing.Store(false)
		return
	}
	go p.hunt()
}

// hunt kills one by one who is left. A cgroup that is closed has been removed before, as it
// was empty, or that it could not be was told.
func (p *process) hunt() {
	defer p.killing.Store(false)
	if err := p.comp.Kill(); err != nil && !errors.Is(err, cgroup.ErrGone) && !errors.Is(err, fs.ErrClosed) {
		p.host.post(trouble{p.ref, "cannot kill the cgroup", err})
	}
}
