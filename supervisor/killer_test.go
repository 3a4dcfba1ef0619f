package supervisor

import (
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
)

func startKiller(t *testing.T) *killer {
	t.Helper()
	k, err := newKiller()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { k.run(); close(ended) }()
	t.Cleanup(func() {
		k.stop()
		within30s(t, "the killer's end", ended)
		unix.Close(k.wake)
	})
	return k
}

// struck waits until the killer has done what it was asked to. Nothing in it allocates.
func struck(p *process) {
	for p.killing.Load() {
		runtime.Gosched()
	}
}

// From the order to the kill nothing is allocated. The victim dies of the first one, and
// its end is not looked at: the others strike a cgroup without a live process.
func TestKillAllocatesNothing(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		r, p := w.up(shell(t, "exec sleep 1000", nil))
		var e edge = w.host
		resume := w.poll.pause()
		if w.tree.Mode() == cgroup.None { // who is not in the process group is looked for, which takes memory
			if n := testing.AllocsPerRun(1000, func() { _, _ = p.child.SignalGroup(syscall.SIGKILL), p.child.Signal(syscall.SIGKILL) }); n != 0 {
				t.Errorf("the kill of a process group: %v allocations", n)
			}
		} else if n := testing.AllocsPerRun(1000, func() { e.kill(r); struck(p) }); n != 0 {
			t.Errorf("the kill of a cgroup: %v allocations", n)
		}
		resume()
		if got := await[exited](w); got.exit.Signal != 9 {
			t.Errorf("%+v", got)
		}
		w.over(r)
	})
}

// allowed is all that the killer's thread may ask of the kernel: the kill itself, and what the
// Go runtime needs to let a thread go on and end.
var allowed = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_KILL,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_NANOSLEEP, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_TGKILL,
	unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK, unix.SYS_SIGALTSTACK, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_EXIT,
}

// confine ends the test program (SIGSYS, with the stack) at the first call of this thread that is not
// allowed: a fork, an exec, a new thread, an open, a new mapping.
func confine() error {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for _, nr := range allowed {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRAP})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return errno
	}
	return nil
}

// Neither who orders a kill nor who carries it out forks, executes, opens or maps
// anything: a filter of the kernel's sees to it. With the race detector, which maps memory
// of its own, only the kill is looked at.
func TestKillNeedsNothing(t *testing.T) {
	confined := func(do func()) error {
		failed := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with its filter
			var err error
			if !raceDetector {
				err = confine()
			}
			failed <- err
			do()
		}()
		return within30s(t, "the filter", failed)
	}
	inReality(t, func(t *testing.T, w *reality) {
		if w.tree.Mode() == cgroup.None {
			return // who is not in the process group is looked for, which takes a goroutine
		}
		k, err := newKiller()
		if err != nil {
			t.Fatal(err)
		}
		w.killer = k
		ended := make(chan struct{})
		if err := confined(func() { k.run(); close(ended) }); err != nil {
			t.Fatalf("cannot install the seccomp filter: %v", err)
		}
		for range 3 {
			r, _ := w.up(shell(t, "exec sleep 1000", nil))
			if err := confined(func() { w.kill(r) }); err != nil {
				t.Fatal(err)
			}
			if got := await[exited](w); got.exit.Signal != 9 {
				t.Errorf("%+v", got)
			}
			w.over(r)
		}
		k.stop()
		within30s(t, "the killer's end", ended)
		unix.Close(k.wake)
	})
}

// unkilled is a compartment of which nobody can be killed, and why.
type unkilled struct {
	*fakeCompartment
	why error
}

func (u unkilled) Kill() error { return u.why }

// A kill that comes when the run is over is none: nothing is told of it.
func TestKillOfWhatIsOver(t *testing.T) {
	for _, c := range []struct {
		why  error
		told int
	}{{fmt.Errorf("cannot use cgroup: %w", fs.ErrClosed), 0}, {cgroup.ErrGone, 0}, {nil, 0}, {unix.EPERM, 1}} {
		f := newFakeRun(t, true, nil)
		f.process.comp = unkilled{f.comp, c.why}
		f.hunt()
		if len(f.posted) != c.told {
			t.Errorf("%v: told %v", c.why, f.posted)
		}
	}
}

// Many at once are all killed, whoever asks.
func TestKillOfMany(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		const many = 20
		var all []ref
		for range many {
			r, _ := w.up(shell(t, "trap '' TERM; while :; do sleep 1000; done", nil))
			all = append(all, r)
		}
		for _, r := range all {
			go w.kill(r)
			w.kill(r)
		}
		for range all {
			if e := await[exited](w); e.exit.Signal != 9 {
				t.Errorf("%+v", e)
			} else if e.left {
				await[emptied](w)
			}
		}
		for _, r := range all {
			w.over(r)
		}
	})
}
