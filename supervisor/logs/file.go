package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// file is one path and, while it has sinks, the open file behind it.
type file struct {
	set   *Set
	id    string
	path  string
	holds int // under set.mu: sinks, followers and calls under way

	sinks  atomic.Int32
	shared atomic.Bool
	lost   atomic.Int64
	epoch  atomic.Uint64 // counts truncations in place, for followers

	mu      sync.Mutex
	target  Target
	stream  io.Writer // an output that was open before us; then w is nil
	w       *os.File  // nil also while a fifo has no reader
	dev     uint64    // w's, with its inode
	ino     uint64
	regular bool
	size    int64
	rest    int64 // of size: the unfinished line at the end, as far as we wrote it
	failed  int64 // lost since trouble began
	trouble bool
	stalled bool
	rotated bool // the last rotation succeeded, or none was due
	readers map[chan struct{}]struct{}
}

func newFile(s *Set, id, path string) *file {
	return &file{set: s, id: id, path: path, stream: stream(path, s.out), rotated: true}
}

// attach adds a sink.
func (f *file) attach(t Target, later bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sinks.Load() == 0 && f.stream == nil {
		if err := f.open(); err != nil && !later && !noReader(f.path, err) {
			return err
		}
	}
	f.target = t
	if t.Shared {
		f.shared.Store(true)
	}
	f.sinks.Add(1)
	f.wake()
	return nil
}

// detach removes a sink.
func (f *file) detach() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sinks.Add(-1) > 0 {
		return nil
	}
	f.shared.Store(false)
	f.wake()
	return f.close()
}

// open sets w; the caller holds the lock, as for all below.
func (f *file) open() error {
	w, info, err := openAppend(f.path)
	if err != nil {
		return err
	}
	f.close()
	f.w, f.regular, f.size = w, info.Mode().IsRegular(), info.Size()
	f.stalled = false
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.dev, f.ino = st.Dev, st.Ino
	}
	return nil
}

func (f *file) close() error {
	if f.w == nil {
		return nil
	}
	err := f.w.Close()
	f.w = nil
	if err != nil {
		return fmt.Errorf("cannot close log file %q: %v", f.path, cause(err))
	}
	return nil
}

// reopen is for a file that has been moved away.
func (f *file) reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream != nil || f.sinks.Load() == 0 {
		return nil
	}
	if err := f.open(); err != nil && !noReader(f.path, err) {
		return err
	}
	f.wake()
	return nil
}

// clear empties the log: a regular file is replaced, so that a reader of the
// old one keeps what it has; one behind a symbolic link is truncated.
func (f *file) clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.wake()
	info, err := os.Lstat(f.path)
	switch {
	case f.stream != nil:
		err = errors.New("not a regular file")
	case errors.Is(err, fs.ErrNotExist) && f.sinks.Load() == 0:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		err = f.open()
	case err != nil:
	case info.Mode().IsRegular():
		err = f.replace()
	default:
		err = f.truncateLinked()
	}
	if err != nil {
		return fmt.Errorf("cannot clear log file %q: %v", f.path, cause(err))
	}
	return nil
}

func (f *file) replace() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.sinks.Load() > 0 {
		return f.open()
	}
	w, _, err := openAppend(f.path)
	if err != nil {
		return err
	}
	return w.Close()
}

func (f *file) truncateLinked() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if err := os.Truncate(f.path, 0); err != nil {
		return err
	}
	f.size = 0
	f.epoch.Add(1)
	return nil
}

// wake tells the followers that something has changed.
func (f *file) wake() {
	for c := range f.readers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
