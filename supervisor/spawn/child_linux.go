package spawn

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// step is one system call of the child. Everything it needs is ready before
// the fork: pointers are in arg as numbers and pinned by the plan.
type step struct {
	nr    uintptr
	arg   [5]uintptr
	last  uintptr // the call is repeated while arg[0] counts up to this
	onErr failure
	fd    bool // arg[0] is the result of the step before

	name, object string // for the parent's report
}

// failure is what an errno of a step means.
type failure uint8

const (
	fatal    failure = iota // end the start
	refused                 // EACCES and EPERM: warn and pass over what uses the result; else fatal
	tolerate                // whatever: go on
	tryNext                 // exec: the command may be in the next directory of the search path
)

// child runs in the child and ends in exec or exit. It may not allocate, grow its
// stack, write a pointer or call into the runtime: of a fork there is no other thread
// any more, and locks may be held for ever; else all that is our memory.
//
//go:norace
//go:nocheckptr
//go:nosplit
//go:noinline
func child(steps []step, out *report) {
	var (
		result, a0 uintptr
		errno      syscall.Errno
		denied     bool
		skip       bool
	)
	for i := range steps {
		s := &steps[i]
		if s.fd && skip {
			continue
		}
		skip = false
		out.step = int32(i)
		a0 = s.arg[0]
		if s.fd {
			a0 = result
		}
		var r uintptr
		for {
			r, _, errno = syscall.RawSyscall6(s.nr, a0, s.arg[1], s.arg[2], s.arg[3], s.arg[4], 0)
			if a0 >= s.last {
				break
			}
			a0++
		}
		if errno == 0 {
			if !s.fd {
				result = r
			}
			continue
		}
		switch {
		case s.onErr == tolerate:
			continue
		case s.onErr == refused && (errno == syscall.EACCES || errno == syscall.EPERM):
			if out.warnings < int32(len(out.warning)) {
				out.warning[out.warnings].step = int32(i)
				out.warning[out.warnings].errno = int32(errno)
				out.warnings++
			}
			skip = true
			continue
		case s.onErr == tryNext && (errno == syscall.ENOENT || errno == syscall.ENOTDIR):
			if i < len(steps)-1 {
				continue
			}
		case s.onErr == tryNext && errno == syscall.EACCES:
			denied = true
			if i < len(steps)-1 {
				continue
			}
		}
		break
	}
	// One found but not allowed says more than the others not found.
	if denied && (errno == syscall.ENOENT || errno == syscall.ENOTDIR) {
		errno = syscall.EACCES
	}
	out.errno = int32(errno)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}
