package spawn

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Child is a started process. PID, PidFD and Warnings do not change; the
// methods may be called from any goroutine.
type Child struct {
	PID int
	// PidFD becomes readable (EPOLLIN) when the process has ended; -1 on
	// kernels without (before 5.2). Take it out of an epoll set before Close:
	// a start under way may hold a copy for a moment, which keeps it in there.
	PidFD    int
	Warnings []error // *Warning: steps the start went on without

	stranger bool   // adopted, and not our child: it cannot be waited for
	start    uint64 // its start time, when adopted

	mu     sync.Mutex
	waited bool
	status Status
}

// Status is how a process ended.
type Status struct {
	Code   int            // exit code; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited
	Core   bool           // it left a core dump
	// Unknown: it has ended, and its status went to another parent. Code is -1.
	Unknown bool
	Usage   syscall.Rusage // of it and of those of its children it has waited for
}

// Signal sends sig to the process, never to another that got its number. It
// returns os.ErrProcessDone when the process has ended and been waited for.
func (c *Child) Signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited {
		return os.ErrProcessDone
	}
	var err error
	if c.PidFD < 0 && c.stranger && !c.lives() {
		return os.ErrProcessDone
	}
	if c.PidFD >= 0 && machine.pidfd {
		err = unix.PidfdSendSignal(c.PidFD, unix.Signal(sig), nil, 0)
	} else {
		// Not waited for, so the number is still its own.
		err = unix.Kill(c.PID, unix.Signal(sig))
	}
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("cannot send signal %d to process %d: %w", int(sig), c.PID, err)
	}
	return nil
}

// SignalGroup sends sig to the process group that the process has led since its birth
// (setsid). Only of a child of ours that was not waited for is the number known to mean it
// still; for any other it returns os.ErrProcessDone.
func (c *Child) SignalGroup(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited || c.stranger {
		return os.ErrProcessDone
	}
	err := unix.Kill(-c.PID, unix.Signal(sig))
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("cannot send signal %d to process group %d: %w", int(sig), c.PID, err)
	}
	return nil
}

// TryWait returns the status and true once the process has ended, and goes on
// returning it. It never blocks.
func (c *Child) TryWait() (Status, bool, error) {
	if c.stranger {
		return c.look()
	}
	return c.wait(unix.WNOHANG)
}

// Wait returns when the process, a child of ours, has ended. It holds up no
// other method.
func (c *Child) Wait() (Status, error) {
	for {
		err := unix.Waitid(unix.P_PID, c.PID, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		// ECHILD: somebody else has taken the status; TryWait knows it, or says why not.
		if err != nil && err != unix.ECHILD {
			return Status{}, fmt.Errorf("cannot wait for process %d: %w", c.PID, err)
		}
		status, _, err := c.TryWait()
		return status, err
	}
}

func (c *Child) wait(flags int) (Status, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited {
		return c.status, true, nil
	}
	idType, id := unix.P_PID, c.PID
	if c.PidFD >= 0 && machine.pidfd {
		idType, id = unix.P_PIDFD, c.PidFD
	}
	var (
		info  childInfo
		usage unix.Rusage
	)
	for {
		err := unix.Waitid(idType, id, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|flags, &usage)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Status{}, false, fmt.Errorf("cannot wait for process %d: %w", c.PID, err)
		}
		break
	}
	if info.pid == 0 { // WNOHANG, and still running
		return Status{}, false, nil
	}
	c.status = info.status()
	c.status.Usage = *(*syscall.Rusage)(unsafe.Pointer(&usage)) // the same struct of the kernel
	c.waited = true
	disown(c.PID)
	return c.status, true, nil
}

// Close gives back the pidfd. A child that was not waited for goes on and
// becomes a zombie when it ends: see Owned.
func (c *Child) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.PidFD >= 0 {
		unix.Close(c.PidFD)
		c.PidFD = -1
	}
}

// childInfo is siginfo_t as waitid fills it (asm-generic/siginfo.h, 64 bit).
type childInfo struct {
	signo, errno, code, _ int32
	pid, uid, status0     int32
	_                     [100]byte
}

func (i *childInfo) status() Status {
	const exited, dumped = 1, 3 // CLD_EXITED, CLD_DUMPED; CLD_KILLED is 2
	if i.code == exited {
		return Status{Code: int(i.status0)}
	}
	return Status{Code: -1, Signal: syscall.Signal(i.status0), Core: i.code == dumped}
}

// burial is how long a failed start waits for its child to be gone.
const burial = time.Second

// bury kills a child that came to nothing, waits for it and gives its report
// back. A child that cannot die (stuck in the kernel) is left to a goroutine
// after a moment; ended is false then.
func (c *Child) bury(out *report) (s Status, ended bool) {
	_ = c.Signal(syscall.SIGKILL) // fails only when it is dead already
	gone := make(chan Status, 1)
	go func() {
		st, _, _ := c.wait(0) // an error: somebody else took the status
		c.Close()
		giveReport(out)
		gone <- st
	}()
	timer := time.NewTimer(burial)
	defer timer.Stop()
	select {
	case s = <-gone:
		return s, true
	case <-timer.C:
		return Status{}, false
	}
}

// owned are the children between their fork and the taking of their status.
var owned struct {
	sync.Mutex
	pids   map[int]int        // a number may be given anew before its last status is noted
	births map[*plan]struct{} // of children that share our memory and are not in pids yet
}

// expect registers the child of p before its birth.
func (p *plan) expect() {
	owned.Lock()
	defer owned.Unlock()
	if owned.births == nil {
		owned.births = map[*plan]struct{}{}
	}
	owned.births[p] = struct{}{}
}

// born ends expect, once; errno says that no child came.
func (p *plan) born(errno syscall.Errno) {
	owned.Lock()
	_, first := owned.births[p]
	delete(owned.births, p)
	if first && errno == 0 {
		ownLocked(int(p.pid))
	}
	owned.Unlock()
}

func own(pid int) {
	owned.Lock()
	defer owned.Unlock()
	ownLocked(pid)
}

func ownLocked(pid int) {
	if owned.pids == nil {
		owned.pids = map[int]int{}
	}
	owned.pids[pid]++
}

func disown(pid int) {
	owned.Lock()
	defer owned.Unlock()
	if owned.pids[pid]--; owned.pids[pid] == 0 {
		delete(owned.pids, pid)
	}
}

// Owned tells whether pid is a child of Start whose status nobody has taken
// yet, be its start still under way. Who waits for orphans (PID 1, a child
// subreaper) must peek with WNOWAIT, ask here, and leave those alone.
func Owned(pid int) bool {
	// A fork that is under way registers its child before it lets go of the lock.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	owned.Lock()
	defer owned.Unlock()
	for p := range owned.births {
		if int(atomic.LoadInt32(&p.pid)) == pid {
			return true
		}
	}
	return owned.pids[pid] > 0
}
