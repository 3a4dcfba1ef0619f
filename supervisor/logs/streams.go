package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pipeSize is what a worker can write while nobody reads, where the system
// lets us have it (fs.pipe-user-pages-soft does not bind root).
const pipeSize = 256 << 10

// Streams are the outputs of runs, in a directory that outlives us: FIFOs, and the
// books of what was read from them. Only one process may use a directory.
// The methods may be called from any goroutine.
type Streams struct {
	dir      string
	f        *os.File
	fd       int // f's
	problems []error

	mu      sync.Mutex
	books   books
	entries region
	taps    region
	slots   slots
	known   map[StreamID]int // number of the entry
	open    map[StreamID]bool
	pumps   int

	holdTime time.Duration
	at       func(step string) // nil but in tests, which die there
}

// OpenStreams makes dir (0700, its parents 0755) and opens or mends its books.
// A write that an earlier supervisor did not live to note is looked up in the log
// it went to; so no log of the directory's streams may be written before this returns.
func OpenStreams(dir string) (*Streams, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("cannot make runtime directory %q: %v", dir, cause(err))
	}
	s := &Streams{dir: dir, known: make(map[StreamID]int), open: make(map[StreamID]bool), holdTime: holdTime}
	path := filepath.Join(dir, "books")
	f, b, problem, err := openBooks(path)
	if err != nil {
		return nil, err
	}
	if problem != nil {
		s.problems = append(s.problems, problem)
	}
	s.f, s.fd, s.books = f, int(f.Fd()), b
	if err := s.mend(); err != nil {
		s.Close()
		return nil, fmt.Errorf("cannot read the books %q: %v", path, cause(err))
	}
	return s, nil
}

func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// Dir is where the streams are; what else runs have by name may be there too, in
// directories of its own.
func (s *Streams) Dir() string { return s.dir }

// Problems tells what was found damaged and how it was mended.
func (s *Streams) Problems() []error { return s.problems }

// Make makes a stream. w is the child's end: close-on-exec, blocking, and the
// caller's to close. It is open for reading too, so that its holder never gets EPIPE.
func (s *Streams) Make(id StreamID) (st *Stream, w int, err error) {
	defer func() {
		if err != nil {
			st, w, err = nil, -1, fmt.Errorf("cannot make %s: %w", id, cause(err))
		}
	}()
	if err := id.check(); err != nil {
		return nil, -1, err
	}
	if !s.claim(id) {
		return nil, -1, errors.New("it is in use")
	}
	path := s.path(id)
	defer func() {
		if err != nil {
			os.Remove(path)
			s.forget(id)
		}
	}()
	s.drop(id) // of another stream with that name
	err = unix.Mkfifo(path, 0o600)
	if err == unix.EEXIST { // an earlier supervisor's
		if err = os.Remove(path); err == nil {
			err = unix.Mkfifo(path, 0o600)
		}
	}
	if err != nil {
		return nil, -1, err
	}
	if w, err = openFIFO(path, unix.O_RDWR); err != nil {
		return nil, -1, err
	}
	if os.Geteuid() == 0 {
		_, _ = unix.FcntlInt(uintptr(w), unix.F_SETPIPE_SZ, pipeSize)
	}
	if st, err = s.stream(id); err != nil {
		unix.Close(w)
		return nil, -1, err
	}
	return st, w, nil
}

// Reopen opens a stream of an earlier supervisor; fs.ErrNotExist when there is none.
func (s *Streams) Reopen(id StreamID) (*Stream, error) {
	err := id.check()
	var st *Stream
	switch {
	case err != nil:
	case !s.claim(id):
		err = errors.New("it is in use")
	default:
		if st, err = s.stream(id); err != nil {
			s.release(id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", id, cause(err))
	}
	return st, nil
}

// stream opens our end and finds or makes the entry.
func (s *Streams) stream(id StreamID) (*Stream, error) {
	fd, err := openFIFO(s.path(id), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	r := os.NewFile(uintptr(fd), s.path(id))
	if err := r.SetReadDeadline(time.Time{}); err != nil { // Go's poller has no room for it: nobody would wait
		r.Close()
		return nil, fmt.Errorf("cannot wait for output: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.known[id]
	if !ok {
		if n, err = s.enter(id); err != nil {
			r.Close()
			return nil, err
		}
	}
	return &Stream{s: s, id: id, e: s.books.entry(n), r: r}, nil
}

// enter makes an entry; the caller holds the lock.
func (s *Streams) enter(id StreamID) (int, error) {
	n, err := s.entries.take()
	if err != nil {
		return 0, err
	}
	s.books.entry(n).begin(id)
	s.known[id] = n
	return n, nil
}

// enterTap gives the entry a place for what its tap says.
func (s *Streams) enterTap(e entry) error {
	if e.tapped() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.taps.take()
	if err != nil {
		return err
	}
	clear(s.books[tapsAt+n*tapSize:][:tapSize])
	e.set(entryHalf, 0)
	e.set(entryTap, uint64(n)+1)
	return nil
}

// drop frees the stream's entry and all it has.
func (s *Streams) drop(id StreamID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.known[id]
	if !ok {
		return
	}
	delete(s.known, id)
	e := s.books.entry(n)
	slot, tap := e.stage().slot, e.get(entryTap)
	e.set(entryState, 0)
	if slot != 0 {
		s.slots.give(slot)
	}
	if tap != 0 {
		s.taps.give(int(tap) - 1)
	}
	s.entries.give(n)
}

// forget undoes a claim whose stream did not come to be.
func (s *Streams) forget(id StreamID) {
	s.drop(id)
	s.release(id)
}

// claim keeps a stream from being read twice.
func (s *Streams) claim(id StreamID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] {
		return false
	}
	s.open[id] = true
	return true
}

func (s *Streams) release(id StreamID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// List returns all streams that the directory has, open ones too.
func (s *Streams) List() ([]StreamID, error) {
	names, err := s.fifos()
	if err != nil {
		return nil, fmt.Errorf("cannot read runtime directory %q: %v", s.dir, cause(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []StreamID
	for id := range s.known {
		if names[id.fileName()] {
			ids = append(ids, id)
			delete(names, id.fileName())
		}
	}
	for name := range names {
		if id, err := parseFileName(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// fifos returns the names of the directory's FIFOs.
func (s *Streams) fifos() (map[string]bool, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, e := range entries {
		if e.Type() == fs.ModeNamedPipe {
			names[e.Name()] = true
		}
	}
	return names, nil
}

// Close closes the books. Streams and files in the directory stay for a
// successor. All pumps must be done.
func (s *Streams) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.books == nil {
		return nil
	}
	if s.pumps > 0 {
		return fmt.Errorf("cannot close the books in %q: %d pumps still run", s.dir, s.pumps)
	}
	err := errors.Join(unix.Munmap(s.books), s.f.Close())
	s.books = nil
	return err
}

func (s *Streams) path(id StreamID) string { return filepath.Join(s.dir, id.fileName()) }

// openFIFO opens nothing but a FIFO.
func openFIFO(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = errors.New("not a FIFO")
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
