package spawn

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"bulkhead/supervisor/spawn/nofile"

	"golang.org/x/sys/unix"
)

// Kernel says what this kernel, or the sandbox around us, offers.
type Kernel struct {
	CloneIntoCgroup bool // clone3 with CLONE_INTO_CGROUP (5.7); else children are moved in before exec
	PidFD           bool // pidfd_open, pidfd_send_signal, waitid(P_PIDFD) (5.4)
	CloseRange      bool // close_range (5.9)
	Share           bool // children share our memory until their exec; else they are forked
}

// machine is what Prepare found out.
var machine struct {
	null       int // /dev/null, read and write
	pidfd      bool
	closeRange bool
	share      bool
	noClone3   atomic.Bool // set for good by the first refusal
}

// Prepare readies the process for starting children; call it once, early in
// the daemon's life. It makes sure that descriptors 0, 1 and 2 are open, marks
// all higher ones close-on-exec (those inherited too) and learns what the
// kernel can. Start calls it when nobody has.
func Prepare() error { return prepareOnce() }

// Known tells what the kernel can; a sandbox's refusal of clone3 shows only
// after the first start.
func Known() (Kernel, error) {
	err := prepareOnce()
	return Kernel{
		CloneIntoCgroup: !machine.noClone3.Load(),
		PidFD:           machine.pidfd,
		CloseRange:      machine.closeRange,
		Share:           machine.share && !machine.noClone3.Load(),
	}, err
}

var prepareOnce = sync.OnceValue(prepare)

func prepare() error {
	for fd := range 3 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			continue
		}
		if _, err := unix.Open(os.DevNull, unix.O_RDWR, 0); err != nil { // takes the lowest free number
			return fmt.Errorf("cannot open %q as descriptor %d: %v", os.DevNull, fd, err)
		}
	}
	if err := closeOnExec(); err != nil {
		return err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open %q: %v", os.DevNull, err)
	}
	machine.null = null
	// Bounds the wrong way round are invalid where the flag exists.
	machine.share = canShare && unix.CloseRange(1, 0, unix.CLOSE_RANGE_UNSHARE) == unix.EINVAL
	if machine.share {
		makeSeats()
	}
	machine.pidfd = probePidFD()
	// An argument of size 0 is invalid where the call exists.
	_, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0)
	machine.noClone3.Store(errno == unix.ENOSYS || errno == unix.EPERM)
	return nil
}

func closeOnExec() error {
	err := unix.CloseRange(3, ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		machine.closeRange = true
		return nil
	}
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("cannot list open descriptors: %v", err)
	}
	for _, e := range dir {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// Inherited are the descriptors above 2 that this process was given to pass on: those
// that are not close-on-exec. Prepare makes them so; call it before.
func Inherited() ([]int, error) {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("cannot list open descriptors: %v", err)
	}
	var all []int
	for _, e := range dir {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			all = append(all, fd)
		}
	}
	return all, nil
}

func probePidFD() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if unix.PidfdSendSignal(fd, 0, nil, 0) != nil {
		return false
	}
	// Not a child of its own: ECHILD where P_PIDFD is known, else EINVAL.
	return unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG, nil) == unix.ECHILD
}

// bornNofile is the limit of open files a child gets when its Spec has none:
// the soft one this process was born with, under the hard one of today.
func bornNofile() (Rlimit, bool) {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || !nofile.Known {
		return Rlimit{}, false
	}
	return Rlimit{Resource: unix.RLIMIT_NOFILE, Soft: min(nofile.Soft, now.Max), Hard: now.Max}, true
}

// bornMemlock is the limit of locked memory that a child gets when its Spec has none;
// nil: as we.
var bornMemlock atomic.Pointer[Rlimit]

// KeepMemlock says what children are to have as limit of locked memory, soft and hard, where
// ours was raised.
func KeepMemlock(soft, hard uint64) {
	bornMemlock.Store(&Rlimit{Resource: unix.RLIMIT_MEMLOCK, Soft: soft, Hard: hard})
}

// RaiseNofile makes n the least soft limit of open files that a child gets when its
// Spec has none, as far as the hard one of its start allows. To be called before the
// first Start.
func RaiseNofile(n uint64) { nofile.Soft = max(nofile.Soft, n) }
