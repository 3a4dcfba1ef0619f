package supervisor

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hostFile is a file of /proc about the whole host, which the kernel makes as one record in some
// microseconds. It is read all the time, so it stays open from its first reading on, and the system call
// is a raw one: by any other Go's monitor thread is woken to see how long it takes.
type hostFile struct {
	name string
	mu   sync.Mutex
	fd   int // 0: not open yet
}

// opened returns the descriptor. What could not be opened is tried again the next time.
func (f *hostFile) opened() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd > 0 {
		return f.fd, nil
	}
	fd, err := unix.Open(f.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		f.fd = fd
	}
	return fd, err
}

// read returns what the file says now. The error is the bare errno.
func (f *hostFile) read() ([]byte, error) {
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
