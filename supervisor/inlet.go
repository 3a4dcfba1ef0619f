package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// inlet is the standard input of a run: a FIFO by name, so that a successor finds
// it again. The child has its end open for writing too: whatever becomes of us, it
// waits for more and never reads an end.
type inlet struct {
	path string

	mu sync.Mutex // one sender at a time: what two say does not mix
	f  *os.File   // our end, opened when first used
}

func inletPath(dir string, n runName) string {
	// Names are at most 64 bytes and hold neither '/' nor ':' (conf).
	return filepath.Join(dir, "stdin", fmt.Sprintf("%s:%s:%d", n.program, n.instance, n.run))
}

// makeInlet makes the FIFO; r is the child's end, close-on-exec and the caller's to close.
func makeInlet(path string) (in *inlet, r int, err error) {
	fail := func(err error) (*inlet, int, error) {
		return nil, -1, fmt.Errorf("cannot make standard input %q: %v", path, err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return fail(err)
	}
	r, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		_ = os.Remove(path)
		return fail(err)
	}
	return &inlet{path: path}, r, nil
}

// send writes all of data, or says how much was taken before ctx ended. A run that
// has closed its standard input, or has none, is fs.ErrClosed.
func (in *inlet) send(ctx context.Context, data []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.open(); err != nil {
		return err
	}
	_ = in.f.SetWriteDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = in.f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := in.f.Write(data)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("only %d of %d bytes were taken: it does not read its standard input", n, len(data))
	case errors.Is(err, unix.EPIPE):
		return fs.ErrClosed
	}
	return err
}

func (in *inlet) open() error {
	if in.f != nil {
		return nil
	}
	fd, err := unix.Open(in.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOENT) { // nobody has it open; it is no more
		return fs.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("cannot open standard input %q: %v", in.path, err)
	}
	in.f = os.NewFile(uintptr(fd), in.path)
	return nil
}

// remove gives it up; a send that waits ends.
func (in *inlet) remove() error {
	err := os.Remove(in.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.f != nil {
		_ = in.f.Close() // nobody reads it any more
		in.f = nil
	}
	return err
}
