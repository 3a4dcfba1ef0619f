package logs

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"
)

// Target says where one stream goes and how its file is rotated.
type Target struct {
	// Path is a file, or "-" for the supervisor's own output. A path that is no
	// regular file (a fifo, a terminal, /dev/stdout) is written but never rotated.
	Path     string
	MaxBytes int64 // rotate after the write that reaches it; 0 never
	Backups  int   // rotated files kept: Path.1 is the youngest; 0 truncates in place
	// Shared keeps the lines of several writers whole (see Pump). It is in force
	// too, without being asked for, while two sinks have the file open.
	Shared bool
}

// Set is all open log files. Its methods may be called from any goroutine;
// they wait for a write that is under way in the file they name.
type Set struct {
	// OnTrouble, when set before the first Open, is told when a file's output is
	// being lost: once with the first loss and its error, and once more, with a
	// nil error and the total lost, when writing works again. Lost is 0 when
	// only a rotation failed. It runs on the writing goroutine and must not block.
	OnTrouble func(path string, lost int64, err error)

	out io.Writer
	// stallLimit is how long a fifo or terminal whose reader does not read may
	// hold up its writers before output is lost; a disk may take as long as it likes.
	stallLimit time.Duration
	at         func(step string) // nil but in tests, which die there

	mu    sync.Mutex
	files map[string]*file // by identity
}

// NewSet returns an empty set; out is what "-" writes to.
func NewSet(out io.Writer) *Set {
	return &Set{out: out, stallLimit: 5 * time.Second, files: make(map[string]*file)}
}

// Sink is one holder's hold on a file: open it once per stream and close it once.
type Sink struct {
	f      *file
	closed sync.Once
}

// Open opens the target for appending and creates it (0644 less the umask) when
// it is missing. Sinks of one path share one file; the latest Target decides
// about rotation. A fifo without a reader opens without waiting for one: until
// there is one, output to it is lost.
func (s *Set) Open(t Target) (*Sink, error) {
	f := s.hold(t.Path)
	if err := f.attach(t, false); err != nil {
		s.release(f)
		return nil, err
	}
	return &Sink{f: f}, nil
}

// OpenLater is Open for who goes on with or without the log: one that cannot be
// opened now is opened by the first write that can; until then output is lost, and that is told.
func (s *Set) OpenLater(t Target) *Sink {
	f := s.hold(t.Path)
	_ = f.attach(t, true) // fails only where it must be open
	return &Sink{f: f}
}

// Write appends p with one write(2), then rotates the file when it has reached
// its limit. On an error p[n:] is lost and counted; writing may go on.
func (k *Sink) Write(p []byte) (n int, err error) { return k.f.write(p, nil) }

// Path returns the path as the first sink of the file named it.
func (k *Sink) Path() string { return k.f.path }

// Lost returns the bytes that the file's writers have lost so far.
func (k *Sink) Lost() int64 { return k.f.lost.Load() }

// Close gives up the sink; the file is closed with its last one. It waits for a
// write under way. More calls do nothing.
func (k *Sink) Close() error {
	var err error
	k.closed.Do(func() {
		err = k.f.detach()
		k.f.set.release(k.f)
	})
	return err
}

// Reopen opens every file anew, after something else (logrotate) has moved
// them away. A file that cannot be opened stays as it is.
func (s *Set) Reopen() error {
	var errs []error
	for _, f := range s.held() {
		errs = append(errs, f.reopen())
		s.release(f)
	}
	return errors.Join(errs...)
}

// Clear removes the file and starts an empty one, as supervisord does; whoever
// follows it goes on with that. A file that nobody has open is cleared too, one
// that does not exist is left so.
func (s *Set) Clear(path string) error {
	f := s.hold(path)
	defer s.release(f)
	return f.clear()
}

// hold returns the path's file and keeps it in the set until release.
func (s *Set) hold(path string) *file {
	id := identity(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil {
		f = newFile(s, id, path)
		s.files[id] = f
	}
	f.holds++
	return f
}

func (s *Set) release(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.holds--; f.holds == 0 {
		delete(s.files, f.id)
	}
}

func (s *Set) held() []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := make([]*file, 0, len(s.files))
	for _, f := range s.files {
		f.holds++
		files = append(files, f)
	}
	return files
}

// identity is equal for two spellings of one path: its directory is resolved,
// the last element is not (rotation renames it).
func identity(path string) string {
	if path == ownOutput {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// sharing says whether another writer may come between two writes.
func (k *Sink) sharing() bool { return k.f.shared.Load() || k.f.sinks.Load() > 1 }
