package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ownOutput is the path of the supervisor's own output.
const ownOutput = "-"

// stream returns the already open output that path stands for, nil when it
// names a file. The standard streams are written through the descriptors we
// have: a socket (as under systemd) cannot be opened a second time.
func stream(path string, out io.Writer) io.Writer {
	switch path {
	case ownOutput:
		return out
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return os.Stdout
	case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		return os.Stderr
	}
	return nil
}

// openAppend opens path so that nothing waits: O_NONBLOCK makes a fifo without
// a reader fail with ENXIO (open(2)) and means nothing to a regular file;
// O_NOCTTY keeps a terminal from becoming ours.
func openAppend(path string) (*os.File, fs.FileInfo, error) {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644)
	if err != nil {
		return nil, nil, openError(path, err)
	}
	info, err := w.Stat()
	if err != nil {
		w.Close()
		return nil, nil, openError(path, err)
	}
	return w, info, nil
}

func openError(path string, err error) error {
	return fmt.Errorf("cannot open log file %q: %w", path, cause(err))
}

// noReader says that path is a fifo nobody reads.
func noReader(path string, err error) bool {
	if !errors.Is(err, unix.ENXIO) {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// openRead opens a log for reading; what is no regular file is refused before
// anything can wait for it.
func openRead(path string) (*os.File, error) {
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read log file %q: %w", path, cause(err))
	}
	info, err := r.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("cannot read log file %q: %w", path, cause(err))
	}
	return r, nil
}

// cause drops the operation and the path that os errors repeat.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
