package spawn

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// readProc reads as much of a file of /proc/PID as fits into buf, in one go. os.ReadFile
// would have the runtime's poller watch it meanwhile, and read twice. os.ErrProcessDone when
// the process is gone.
func readProc(pid int, name string, buf []byte) ([]byte, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/" + name
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		var n int
		if n, err = unix.Read(fd, buf); err == nil {
			return buf[:n], nil
		}
	}
	if err == unix.ENOENT || err == unix.ESRCH {
		return nil, os.ErrProcessDone
	}
	return nil, fmt.Errorf("cannot read %q: %v", path, err)
}
