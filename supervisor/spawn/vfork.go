package spawn

import (
	"context"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// share asks for a child that has our memory and our table of descriptors until its
// exec, and holds up the thread that started it as long.
func (p *plan) share() {
	p.clone3.flags |= unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_FILES | unix.CLONE_PARENT_SETTID
	p.clone3.parentTID = uint64(uintptr(unsafe.Pointer(&p.pid))) // p is pinned
	p.clone3.stack = uint64(uintptr(unsafe.Pointer(p.out.stack())))
	p.clone3.stackSize = stackSize
}

// vfork starts the child of p and returns when it has exec'd or is dead. To Go the thread
// is in a system call meanwhile: the collector, and other goroutines, do not wait for it.
//
//go:norace
//go:nocheckptr
//go:nosplit
//go:noinline
func vfork(p *plan) (errno syscall.Errno) {
	entersyscall()
	r := vforkRaw(&p.clone3, unsafe.Sizeof(p.clone3), unsafe.SliceData(p.steps), len(p.steps), p.out)
	exitsyscall()
	if int(r) < 0 {
		return syscall.Errno(-int(r))
	}
	return 0
}

// shared starts the child of p in our memory and returns once it has exec'd or is dead, or
// ctx has ended. What the child may look at is released when it cannot any more.
func shared(ctx context.Context, p *plan, s *Spec) (c *Child, late, err error) {
	p.into(s.CgroupFD)
	p.share()
	p.expect()
	done := make(chan syscall.Errno, 1)
	go func() {
		errno := vfork(p)
		p.born(errno)
		p.release()
		done <- errno
	}()
	errno, late := p.await(ctx, done)
	if clone3Refused(errno) {
		return nil, nil, errRefused
	}
	if errno != 0 {
		return nil, nil, p.unborn(s, errno)
	}
	p.born(0)
	return &Child{PID: int(atomic.LoadInt32(&p.pid)), PidFD: int(atomic.LoadInt32(&p.pidfd))}, late, nil
}

// await waits for done, or for ctx when there is a child already.
func (p *plan) await(ctx context.Context, done <-chan syscall.Errno) (errno syscall.Errno, late error) {
	select {
	case errno = <-done:
		return errno, nil
	case <-ctx.Done():
	}
	for {
		if atomic.LoadInt32(&p.pid) != 0 {
			return 0, ctx.Err()
		}
		select {
		case errno = <-done:
			return errno, nil
		case <-time.After(time.Millisecond): // the kernel is still making it
		}
	}
}
