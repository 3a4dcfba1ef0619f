package logs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// NewPipe makes the pipe of one stream. The read end waits in Go's poller; the
// write end, a bare descriptor to be given to the child and closed, stays
// blocking: a worker waits for us, it never sees EAGAIN. (O_NONBLOCK belongs to
// the open file description, and a pipe's ends have one each.) Both ends are
// close-on-exec.
func NewPipe() (r *os.File, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, fmt.Errorf("cannot make an output pipe: %w", err)
	}
	if err := unix.SetNonblock(p[0], true); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, -1, fmt.Errorf("cannot make an output pipe: %w", err)
	}
	return os.NewFile(uintptr(p[0]), "output pipe"), p[1], nil
}
