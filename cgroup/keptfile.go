package cgroup

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KeptFile is a file of /proc or /sys which the kernel makes as one record in some microseconds. One
// that is read all the time stays open from its first reading on, and the system call is a raw one: by
// any other Go's monitor thread is woken to see how long it takes.
type KeptFile struct {
	Name string
	mu   sync.Mutex
	fd   int // 0: not open yet
}

// opened returns the descriptor. What could not be opened is tried again the next time.
func (f *KeptFile) opened() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd > 0 {
		return f.fd, nil
	}
	fd, err := openAt(unix.AT_FDCWD, f.Name, unix.O_RDONLY)
	if err == nil {
		f.fd = fd
	}
	return fd, err
}

// Read returns what the file says now. The error is the bare errno.
func (f *KeptFile) Read() ([]byte, error) {
	fd, err := f.opened()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return nil, errno
		case int(n) < len(buf):
			return buf[:n], nil
		default:
			buf = make([]byte, 2*len(buf))
		}
	}
}

// Close may be called again, and of one that was never read. Nobody may be reading it.
func (f *KeptFile) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd > 0 {
		unix.Close(f.fd)
		f.fd = 0
	}
}
