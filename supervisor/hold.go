package supervisor

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// heard are the signals that mean something to us, and must not be lost.
var heard = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, sigLeave}

// holdSignals has the kernel keep signals until the returned function is
// called, or until our successor has taken them over: an exec keeps both the
// mask of the thread that calls it and what is pending. What had come before is
// told within holdTime. A thread that the runtime makes meanwhile holds nothing, so
// it is called once more right before the exec. A binary with C code in it
// cannot do that for all its threads; there a signal in the moment of the exec is lost.
func holdSignals() (letGo func()) {
	runtime.LockOSThread()
	maskSignals(unix.SIG_BLOCK)
	time.Sleep(holdTime)
	return func() {
		maskSignals(unix.SIG_UNBLOCK)
		runtime.UnlockOSThread()
	}
}

// holdTime is what a signal takes from the runtime's handler to the loop's queue, and more.
const holdTime = 2 * time.Millisecond

// maskSignals does it for this thread, and for all others where it can.
func maskSignals(how int) {
	var set unix.Sigset_t
	for _, s := range heard {
		set.Val[(s-1)/wordBits] |= 1 << ((s - 1) % wordBits)
	}
	_ = unix.PthreadSigmask(how, &set, nil) // fails for a wrong how
	const size = 8                          // of the kernel's sigset_t
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&set)), 0, size, 0, 0)
}

const wordBits = 8 * syscall.Signal(unsafe.Sizeof(unix.Sigset_t{}.Val[0]))
