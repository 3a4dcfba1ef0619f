package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Adopt takes over a process that an earlier supervisor has started. start is
// what StartTime said of it then: a number that was given out again is not it.
// os.ErrProcessDone when it is gone.
//
// After an exec of the supervisor it is our child still, and everything is as
// with one that Start made. Otherwise its status goes to another parent:
// TryWait tells only that it ended, and Told what the kernel lets us know.
//
// Any other error than os.ErrProcessDone says that it could not be found out,
// not that it is gone. A pidfd that cannot be had is a warning.
func Adopt(pid int, start uint64) (*Child, error) {
	if err := Prepare(); err != nil {
		return nil, err
	}
	c := &Child{PID: pid, PidFD: -1, start: start}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		c.PidFD = fd
	case err == unix.ESRCH:
		return nil, os.ErrProcessDone
	case err != unix.ENOSYS:
		c.Warnings = append(c.Warnings, fmt.Errorf("cannot open process %d, its end is looked for: %w", pid, err))
	}
	// Only now: what the descriptor stands for does not change any more.
	if err := c.gone(); err != nil {
		c.Close()
		return nil, err
	}
	for {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	if c.stranger = err != nil; !c.stranger {
		own(pid)
	}
	return c, nil
}

// Gone stands for a process that has ended before it could be adopted.
func Gone(pid int) *Child {
	return &Child{PID: pid, PidFD: -1, stranger: true, waited: true, status: Status{Code: -1, Unknown: true}}
}

// Ours tells whether the process is our child, so that its status is ours to take.
func (c *Child) Ours() bool { return !c.stranger }

// StartTime returns when a process was started, in clock ticks since the boot
// (field 22 of /proc/PID/stat, proc(5)). os.ErrProcessDone when there is none.
func StartTime(pid int) (uint64, error) {
	var buf [1024]byte // the 22nd field is not further
	stat, err := readProc(pid, "stat", buf[:])
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; the fields count from behind it.
	field := 2
	for word := range bytes.FieldsSeq(stat[bytes.LastIndexByte(stat, ')')+1:]) {
		if field++; field == 22 {
			return strconv.ParseUint(string(word), 10, 64)
		}
	}
	return 0, fmt.Errorf("cannot read the start time of process %d in %q", pid, stat)
}

// gone returns nil when the process is there, os.ErrProcessDone when its number
// is nobody's or another's, and why it could not be found out.
func (c *Child) gone() error {
	start, err := StartTime(c.PID)
	if err == nil && start != c.start {
		err = os.ErrProcessDone
	}
	return err
}

func (c *Child) lives() bool { return !errors.Is(c.gone(), os.ErrProcessDone) }

// look is TryWait for a process that is not our child.
func (c *Child) look() (Status, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.waited:
	case c.PidFD >= 0:
		ready := []unix.PollFd{{Fd: int32(c.PidFD), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, 0); err != nil && err != unix.EINTR {
			return Status{}, false, fmt.Errorf("cannot look at process %d: %w", c.PID, err)
		}
		c.waited = ready[0].Revents != 0
	default:
		c.waited = !c.lives()
	}
	if !c.waited {
		return Status{}, false, nil
	}
	if c.status == (Status{}) {
		c.status = Status{Code: -1, Unknown: true}
	}
	return c.status, true, nil
}

// Told returns the status of a process that has ended and was not our child, if
// the kernel keeps it (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15; there
// it appears once the new parent has taken it, for which most is waited).
func (c *Child) Told(most time.Duration) (Status, bool) {
	c.mu.Lock()
	blind := c.PidFD < 0
	c.mu.Unlock()
	if blind {
		return Status{}, false
	}
	for end := time.Now().Add(most); ; time.Sleep(time.Millisecond) {
		if s, ok := c.exitInfo(); ok {
			c.mu.Lock()
			c.status = s
			c.mu.Unlock()
			return s, true
		}
		if !time.Now().Before(end) {
			return Status{}, false
		}
	}
}

// pidfdInfo is struct pidfd_info (include/uapi/linux/pidfd.h), its first version.
type pidfdInfo struct {
	mask, cgroup uint64
	ids          [11]uint32
	exit         int32 // as wait(2) gives it
}

const (
	pidfdGetInfo  = 0xc040ff0b // _IOWR(0xFF, 11, struct pidfd_info)
	pidfdInfoExit = 1 << 3
)

func (c *Child) exitInfo() (Status, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.PidFD < 0 {
		return Status{}, false
	}
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.PidFD), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&pidfdInfoExit == 0 {
		return Status{}, false
	}
	w := unix.WaitStatus(info.exit)
	if w.Exited() {
		return Status{Code: w.ExitStatus()}, true
	}
	return Status{Code: -1, Signal: syscall.Signal(w.Signal()), Core: w.CoreDump()}, true
}
