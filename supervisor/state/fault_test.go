package state

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faulty is a kernel in which chosen calls fail. It also holds the rule that
// nothing takes the state's place that is not on the disk.
type faulty struct {
	t  *testing.T
	mu sync.Mutex

	fail  func(n int) bool // whether the n-th call fails
	errno unix.Errno
	part  bool // a failing write writes half
	half  bool // and has

	n      int
	hits   int
	names  []string        // of all calls
	synced map[string]bool // whether what a file holds is on the disk
	paths  map[int]string  // of open descriptors
}

// next counts a call and says what comes of it.
func (f *faulty) next(name string) error {
	f.n++
	f.names = append(f.names, name)
	if f.fail != nil && f.fail(f.n-1) {
		f.hits++
		return f.errno
	}
	return nil
}

// kernel is the real one but for the faults and fsync, which nobody sees.
func (f *faulty) kernel() kernel {
	f.synced, f.paths = map[string]bool{}, map[int]string{}
	real := realKernel()
	call := func(name string, do func() error) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.next(name); err != nil {
			return err
		}
		return do()
	}
	return kernel{
		mkdir: func(path string, mode uint32) error {
			return call("mkdir", func() error { return real.mkdir(path, mode) })
		},
		open: func(path string, flags int) (fd int, err error) {
			err = call("open "+filepath.Base(path), func() error {
				if fd, err = real.open(path, flags); err == nil {
					f.paths[fd], f.synced[path] = path, flags&unix.O_TRUNC == 0
				}
				return err
			})
			return fd, err
		},
		write: func(fd int, b []byte) (n int, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.synced[f.paths[fd]] = false
			if err := f.next("write " + filepath.Base(f.paths[fd])); err != nil {
				if f.half = f.part && !f.half; f.half {
					f.n-- // the call for the rest is the same one, and fails
					return real.write(fd, b[:len(b)/2])
				}
				return -1, err
			}
			return real.write(fd, b)
		},
		truncate: func(fd int, size int64) error {
			return call("truncate", func() error { return real.truncate(fd, size) })
		},
		fsync: func(fd int) error {
			return call("fsync "+filepath.Base(f.paths[fd]), func() error { f.synced[f.paths[fd]] = true; return nil })
		},
		rename: func(from, to string) error {
			return call("rename", func() error {
				if !f.synced[from] {
					f.t.Errorf("%q takes the place of %q and is not on the disk", from, to)
				}
				for fd, path := range f.paths {
					if path == from {
						f.paths[fd] = to
					}
				}
				return real.rename(from, to)
			})
		},
		link:   func(from, to string) error { return call("link", func() error { return real.link(from, to) }) },
		unlink: func(path string) error { return call("unlink", func() error { return real.unlink(path) }) },
	}
}

// model is what the disk may hold.
type model struct {
	t    *testing.T
	dir  string
	what string
	now  map[string]string          // newest values
	may  map[string]map[string]bool // values since the last good Flush; "" is none
}

func (m *model) put(s *Store, key, text string) {
	if s.Put(key, rawOrNil(text)); text == "" {
		delete(m.now, key)
	} else {
		m.now[key] = text
	}
	if m.may[key] == nil {
		m.may[key] = map[string]bool{"": true}
	}
	m.may[key][text] = true
}

func rawOrNil(text string) any {
	if text == "" {
		return nil
	}
	return raw(map[string]string{"": text}).Documents[""]
}

// vanished: all may be gone.
func (m *model) vanished() {
	for _, values := range m.may {
		values[""] = true
	}
}

// check flushes and compares the disk with the model.
func (m *model) check(s *Store) error {
	m.t.Helper()
	err := s.Flush(context.Background())
	l, bad := Load(m.dir)
	if bad != nil {
		m.t.Fatalf("%s: %v", m.what, bad)
	}
	got := texts(l)
	if err == nil {
		if len(l.Problems) > 0 || !maps.Equal(got, m.now) {
			m.t.Fatalf("%s: flushed without an error, and the disk holds %v, not %v; problems %v", m.what, got, m.now, l.Problems)
		}
		for key := range m.may {
			m.may[key] = map[string]bool{m.now[key]: true}
		}
		return nil
	}
	for key := range got {
		if m.may[key] == nil {
			m.t.Fatalf("%s: unknown document %q", m.what, key)
		}
	}
	for key, values := range m.may {
		if !values[got[key]] {
			m.t.Fatalf("%s: %q is %q on the disk, and may be %v", m.what, key, got[key], values)
		}
	}
	return err
}

// play goes through all that a store does, with faults, heals, and wants
// everything on the disk and the trouble told once, and its end. It returns
// the calls made.
func play(t *testing.T, f *faulty, what string) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	before := append(sample(), "torn"...)
	for _, name := range []string{stateFile, damagedFile} {
		if err := os.WriteFile(filepath.Join(dir, name), before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(dir)
	if err != nil || len(loaded.Problems) != 1 {
		t.Fatal(loaded.Problems, err)
	}
	told := make(troubles, 100)
	s := newStore(dir, "boot-2", loaded, told.tell)
	s.disk.k, s.disk.roomy = f.kernel(), 100
	s.after = func(time.Duration) <-chan time.Time { return nil } // Flush alone drives
	m := &model{t: t, dir: dir, what: what, now: texts(loaded), may: map[string]map[string]bool{}}
	for key, text := range m.now {
		m.may[key] = map[string]bool{text: true}
	}
	go s.run()
	failed := false
	check := func() { failed = m.check(s) != nil || failed }
	check()
	for i := range 6 { // past the compaction
		m.put(s, "a", fmt.Sprintf(`"%0100d"`, i))
		m.put(s, fmt.Sprint("new", i), fmt.Sprint(i))
		if i%2 == 1 {
			m.put(s, fmt.Sprint("new", i-1), "")
		}
		check()
	}
	m.put(s, "c", "")
	check()
	os.RemoveAll(dir)
	m.vanished()
	m.put(s, "c", "3")
	check()
	f.mu.Lock()
	f.fail = nil
	hits, calls := f.hits, slices.Clone(f.names)
	f.mu.Unlock()
	m.put(s, "d e", "4")
	if err := m.check(s); err != nil {
		t.Fatalf("%s: with the fault gone: %v", what, err)
	}
	if err := s.Flush(context.Background()); err != nil { // a snapshot that was due
		t.Fatalf("%s: with the fault gone: %v", what, err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("%s: Close: %v", what, err)
	}
	same(t, load(t, dir), m.now)
	close(told)
	inTrouble, bad := false, 0
	for err := range told {
		if inTrouble == (err != nil) {
			t.Errorf("%s: told %v, in trouble: %v", what, err, inTrouble)
		}
		if inTrouble = err != nil; inTrouble {
			bad++
			if !strings.Contains(err.Error(), dir) || !strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("%s: told %q", what, err)
			}
		}
	}
	if inTrouble || (bad == 0 && (hits > 0 || failed)) || (hits == 0 && bad > 0) {
		t.Errorf("%s: %d faults, %d troubles told, in trouble at the end: %v\n%s", what, hits, bad, inTrouble, strings.Join(calls, "\n"))
	}
	return calls
}

// TestFaults lets each call fail: once, once together with each other one, and
// for good from there on, in every way.
func TestFaults(t *testing.T) {
	calls := play(t, &faulty{t: t}, "no fault")
	for _, name := range []string{"mkdir", "open state.new", "write state.new", "write state", "fsync state.new", "fsync d", "rename", "link", "unlink"} {
		if !slices.Contains(calls, name) {
			t.Errorf("%q was never called, only %q", name, calls)
		}
	}
	truncated := false
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		for _, part := range []bool{false, true} {
			for i := range len(calls) + 1 {
				what := fmt.Sprintf("%v (part %v) at call %d", errno, part, i)
				got := play(t, &faulty{t: t, errno: errno, part: part, fail: func(n int) bool { return n == i }}, what)
				truncated = truncated || slices.Contains(got, "truncate")
				play(t, &faulty{t: t, errno: errno, part: part, fail: func(n int) bool { return n >= i }}, what+" and all after it")
				if testing.Short() {
					continue
				}
				for j := i + 1; j < len(got); j++ {
					play(t, &faulty{t: t, errno: errno, part: part, fail: func(n int) bool { return n == i || n == j }}, fmt.Sprintf("%s and at call %d", what, j))
				}
			}
		}
	}
	if !truncated {
		t.Error("nothing was ever cut off")
	}
}
