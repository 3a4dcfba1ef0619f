package spawn

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneArgs is struct clone_args (include/uapi/linux/sched.h), version 2.
type cloneArgs struct {
	flags, pidFD, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
	setTID, setTIDSize                                                   uint64 // since 5.5
	cgroup                                                               uint64 // since 5.7
}

// fork starts the child of p and returns its pid in the parent. The caller
// holds syscall.ForkLock.
//
// Nothing may block between the runtime's two calls but the clone itself: it does not
// wait for the exec (no CLONE_VFORK), and so may not share memory.
//
//go:norace
//go:nocheckptr
//go:noinline
func fork(p *plan) (pid int, errno syscall.Errno) {
	var r uintptr
	steps, out := p.steps, p.out
	runtimeBeforeFork()
	if p.birth {
		r, _, errno = syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.clone3)), unsafe.Sizeof(p.clone3), 0)
	} else {
		r, _, errno = syscall.RawSyscall(unix.SYS_CLONE, uintptr(syscall.SIGCHLD)|unix.CLONE_PIDFD, 0, uintptr(unsafe.Pointer(&p.pidfd)))
	}
	if errno == 0 && r == 0 {
		child(steps, out)
	}
	runtimeAfterFork()
	return int(r), errno
}

// into asks for birth in the cgroup whose directory is open at fd; -1: in ours.
func (p *plan) into(fd int) {
	p.clone3 = cloneArgs{
		flags:      unix.CLONE_PIDFD,
		pidFD:      uint64(uintptr(unsafe.Pointer(&p.pidfd))), // p is pinned
		exitSignal: uint64(syscall.SIGCHLD),
	}
	if fd >= 0 {
		p.birth = true
		p.clone3.flags |= unix.CLONE_INTO_CGROUP
		p.clone3.cgroup = uint64(fd)
	}
}
