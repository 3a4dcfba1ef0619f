package supervisor

import (
	"slices"

	"golang.org/x/sys/unix"
)

// readProc reads a file of the kernel's, which never blocks. os.ReadFile has the runtime's
// poller watch such a file meanwhile: four system calls more, and a second thread that wakes up.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return b, nil
		default:
			b = b[:len(b)+n]
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, cap(b))
		}
	}
}
