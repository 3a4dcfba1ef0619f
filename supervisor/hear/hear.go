// Package hear takes the signals over before anything else of the program is
// initialised. One that came before that would end a supervisor by its default
// action, with its programs running on: a stop right behind a restart, or in the moment of
// an upgrade.
//
// It imports next to nothing, so that its init runs first: packages are
// initialised as soon as what they import is.
//
// Nor may one be lost that comes in the moment of an exec. The kernel keeps what is
// pending; but it gives a signal to any thread that does not hold it, and what that one has
// taken ends with it. A thread of Go's holds what the process was executed with,
// and nothing can make it hold more. So a supervisor that was not executed so executes
// itself once more, at once, holding what Go lets a process hold ([held]): then one
// thread alone takes those, the one of os/signal, and [Hold] has that one hold them too.
//
// That image begins without huge pages, too ([RefuseHuge]).
//
// SIGTERM, SIGINT, SIGQUIT and SIGHUP Go never lets a process hold: one that comes in
// the moment of an exec is lost or ends it. In the first millisecond or two of a new process
// those end it, and [Stop] is lost; that a stop comes right behind a start is the likelier, so
// the unit stops by SIGTERM, and its ExecStopPost= does what was meant.
package hear

import (
	"os"
	"os/signal"
	"syscall"
	"unsafe"
)

// Signals that have no name in Go: SIGRTMIN+2 and SIGRTMIN+3 of the C library,
// as the unit file says.
const (
	Leave = syscall.Signal(36) // end, and leave the programs running (RestartKillSignal=)
	Stop  = syscall.Signal(37) // stop everything and end, as SIGTERM
)

// The signals that mean something to a supervisor: those that Go lets a process hold, and the others.
var (
	held   = []os.Signal{Stop, Leave, syscall.SIGUSR1, syscall.SIGUSR2}
	unheld = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP}
)

// C has what has come since Take, Held those of it that can be held.
var C, Held = make(chan os.Signal, 16), make(chan os.Signal, 16)

// Unheld is why one of held that comes in the moment of an exec may be lost; nil: none is.
var Unheld error

func init() {
	if len(os.Args) > 1 && os.Args[1] == "serve" || calledSupervisord() {
		inherit()
		Unheld = executeHolding()
		Take()
	}
}

// heldVar tells the second image that it is one, and the name that the first had in ps.
const heldVar = "BULKHEAD_HELD"

// executeHolding executes the process again if it was not executed with the held
// signals held. It returns in the image that was, or with why there is none.
func executeHolding() error {
	was := mask(sigBlock)
	name, again := os.LookupEnv(heldVar)
	if again {
		os.Unsetenv(heldVar)
		rename(name)
	}
	switch {
	case was&set() == set():
		return nil
	case again:
		return syscall.EINVAL
	}
	comm, _ := os.ReadFile("/proc/self/comm")
	env := append(os.Environ(), heldVar+"="+string(comm))
	err := syscall.Exec("/proc/self/exe", os.Args, append(env, RefuseHuge()...))
	AllowHuge()
	mask(sigUnblock) // before any other thread is made: as if nothing had been tried
	return err
}

// set is held as the kernel has it.
func set() (bits uint64) {
	for _, s := range held {
		bits |= 1 << (s.(syscall.Signal) - 1)
	}
	return bits
}

// How sigprocmask(2) changes a mask.
const (
	sigBlock   = 0
	sigUnblock = 1
)

// mask adds set to what this thread holds, or takes it out, and returns what it held.
func mask(how uintptr) (was uint64) {
	bits := set()
	// Fails for a wrong how or size alone.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&bits)), uintptr(unsafe.Pointer(&was)), unsafe.Sizeof(bits), 0, 0)
	return was
}

// rename gives the process its name in ps back, which an exec takes from the file.
func rename(comm string) {
	name := [16]byte{} // what the kernel keeps, with its 0
	copy(name[:15], comm[:max(len(comm)-1, 0)])
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&name)), 0)
}

// calledSupervisord tells a link of that name, without what package path would do first.
func calledSupervisord() bool {
	const name = "supervisord"
	if len(os.Args) == 0 || len(os.Args[0]) < len(name) {
		return false
	}
	before, last := os.Args[0][:len(os.Args[0])-len(name)], os.Args[0][len(os.Args[0])-len(name):]
	return last == name && (before == "" || before[len(before)-1] == '/')
}

// Take takes the signals over, or again.
func Take() {
	signal.Notify(C, unheld...)
	signal.Notify(Held, held...)
}

// Hold has those that can be held stay with the kernel until Take, here or in what the
// process executes. What had come before is in Held.
func Hold() { signal.Stop(Held) }

// Give gives all of them back.
func Give() {
	signal.Stop(C)
	signal.Stop(Held)
}
