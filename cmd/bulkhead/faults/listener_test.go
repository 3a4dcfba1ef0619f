package faults_test

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification and verdict are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	tid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type verdict struct {
	id    uint64
	value int64
	errno int32 // negative
	flags uint32
}

// fault is one call that is to fail: the nth of its point, counted from 1. The
// zero value is none.
type fault struct {
	point string
	nth   int
}

func (f fault) String() string { return fmt.Sprintf("%s#%d", f.point, f.nth) }

// calls are those of one life, of all its supervisors.
type calls struct {
	name namer
	want fault

	mu    sync.Mutex
	met   map[string]int // by point
	order []string       // of the points, as they were met first
	hit   unix.Errno     // what want failed with, 0 when it was not met
	over  bool           // the supervisor has been asked to end
	last  bool           // hit came after that
}

func newCalls(name namer, want fault) *calls {
	return &calls{name: name, want: want, met: map[string]int{}}
}

// listener answers the calls of one supervisor and of what it starts.
type listener struct {
	*calls
	fd   int
	pid  int // of the supervisor
	done chan struct{}

	born    bool            // pid has executed the supervisor
	epoll   uint64          // the Go runtime's epoll instance, once seen; 0
	runtime map[string]bool // what the Go runtime has made for itself
}

func listen(fd, pid int, c *calls) *listener {
	l := &listener{calls: c, fd: fd, pid: pid, done: make(chan struct{}), runtime: map[string]bool{}}
	go l.serve()
	return l
}

// serve answers until the last process under the filter has ended. Without an
// answer every such call would fail.
func (l *listener) serve() {
	defer close(l.done)
	defer unix.Close(l.fd)
	for {
		p := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		}
		if p[0].Revents&unix.POLLIN == 0 {
			return
		}
		var n notification
		if err := ioctl(l.fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != 0 {
			continue // ended meanwhile
		}
		v := verdict{id: n.id}
		if errno := l.judge(&n); errno != 0 {
			v.errno = -int32(errno)
		} else {
			v.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		}
		_ = ioctl(l.fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&v)) // ended meanwhile
	}
}

// judge returns what the call is to fail with, 0 for nothing.
func (l *listener) judge(n *notification) unix.Errno {
	if int(n.tid) != l.pid && unix.Access(fmt.Sprintf("/proc/%d/task/%d", l.pid, n.tid), unix.F_OK) != nil {
		return 0 // a program's, or that of a child on the way to its exec
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	call := filtered[n.nr]
	if !l.born {
		l.born = call == "execve"
		return 0
	}
	if call == "epoll_ctl" && l.epoll == 0 {
		l.epoll = n.args[0]
	}
	point, errno := l.point(n)
	if point == "" {
		return 0
	}
	if l.met[point]++; l.met[point] == 1 {
		l.order = append(l.order, point)
	}
	if point == l.want.point && l.met[point] == l.want.nth {
		l.hit, l.last = errno, l.over
		return errno
	}
	if call == "execve" { // a new life of the Go runtime
		l.epoll, l.runtime = 0, map[string]bool{}
	}
	return 0
}

// end notes that the supervisor is about to be asked to end.
func (l *calls) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// late says that the fault came while the supervisor was ending.
func (l *calls) late() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// struck returns what the fault was, 0 when it has not happened.
func (l *calls) struck() unix.Errno {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hit
}

func ioctl(fd int, request uint, arg unsafe.Pointer) unix.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		if errno != unix.EINTR {
			return errno
		}
	}
}
