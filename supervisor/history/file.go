package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The names of the two files. The newer one becomes the older one when a line
// would make it larger than fileMost.
const (
	newer    = "history"
	older    = "history.1"
	fileMost = 8 << 20
)

// file is where lines go. It is opened for every line: once a minute that costs
// nothing, and a directory that was moved or made anew is no case of its own.
type file struct {
	path, old string
	most      int64                               // fileMost; less in tests
	write     func(*os.File, []byte) (int, error) // (*os.File).Write; another in tests
	open      func(path string) (*os.File, error) // likewise
}

func newFile(dir string) file {
	return file{path: filepath.Join(dir, newer), old: filepath.Join(dir, older), most: fileMost, write: (*os.File).Write, open: openFile}
}

func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
}

// append writes one line, or nothing of it.
func (f *file) append(line []byte) error {
	to, size, err := f.sized()
	if err != nil {
		return err
	}
	defer func() { to.Close() }() // nothing is buffered here
	if size > 0 && size+int64(len(line)) > f.most {
		if err := os.Rename(f.path, f.old); err != nil {
			return fmt.Errorf("cannot rotate %q: %w", f.path, bare(err))
		}
		to.Close()
		if to, size, err = f.sized(); err != nil {
			return err
		}
	}
	if size > 0 && !endsLine(to, size) { // the end of a supervisor, or of the host's power, has torn it
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.write(to, line); err != nil {
		_ = to.Truncate(size) // when that fails too there is a torn line, which readers pass over
		return fmt.Errorf("cannot write %q: %w", f.path, bare(err))
	}
	return nil
}

// sized opens the newer file and says how large it is.
func (f *file) sized() (*os.File, int64, error) {
	to, err := f.open(f.path)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open %q: %w", f.path, bare(err))
	}
	st, err := to.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrInvalid
	}
	if err != nil {
		to.Close()
		return nil, 0, fmt.Errorf("cannot write to %q: %w", f.path, bare(err))
	}
	return to, st.Size(), nil
}

func endsLine(f *os.File, size int64) bool {
	var last [1]byte
	_, err := f.ReadAt(last[:], size-1)
	return err == nil && last[0] == '\n'
}

// bare is an error without the operation and the path that package os adds.
func bare(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
