package supervisor

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/hear"
)

// holdSignals has the kernel keep signals until the returned function is
// called, or until our successor has taken them over: an exec keeps both the
// mask of the thread that calls it and what is pending. A thread that the runtime
// makes meanwhile holds nothing, so it is called once more right before the
// exec. A binary with C code in it cannot do that for all its threads; there a
// signal in the moment of the exec is lost.
func holdSignals() (letGo func()) {
	runtime.LockOSThread()
	maskSignals(unix.SIG_BLOCK)
	return func() {
		maskSignals(unix.SIG_UNBLOCK)
		runtime.UnlockOSThread()
	}
}

// last has the highest number of all signals: the runtime hands it on after all
// others that had come when it came.
const last = syscall.Signal(64)

// flushMost is how long a signal may take from the runtime's handler to its channel.
const flushMost = 100 * time.Millisecond

// flushSignals returns when every signal that the runtime has handled is in its
// channel, or false when that could not be had.
func flushSignals() bool {
	came := make(chan os.Signal, 1)
	signal.Notify(came, last)
	defer signal.Stop(came)
	if unix.Kill(os.Getpid(), unix.Signal(last)) != nil {
		return false
	}
	select {
	case <-came:
		return true
	case <-time.After(flushMost):
		return false
	}
}

// maskSignals does it for this thread, and for all others where it can.
func maskSignals(how int) {
	var set unix.Sigset_t
	for _, s := range hear.All {
		s := s.(syscall.Signal)
		set.Val[(s-1)/wordBits] |= 1 << ((s - 1) % wordBits)
	}
	_ = unix.PthreadSigmask(how, &set, nil) // fails for a wrong how
	const size = 8                          // of the kernel's sigset_t
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&set)), 0, size, 0, 0)
}

const wordBits = 8 * syscall.Signal(unsafe.Sizeof(unix.Sigset_t{}.Val[0]))
