package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// open opens a store that has no trouble, closed at the test's end.
func open(t *testing.T, dir string, loaded Loaded) *Store {
	t.Helper()
	s := Open(dir, "boot", loaded, func(err error) { t.Errorf("trouble: %v", err) })
	t.Cleanup(func() { s.Close() })
	return s
}

func flush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	s := open(t, dir, raw(map[string]string{"old": `{ "x" : 1 }`, "other": "2", "null": "null"}))
	flush(t, s)
	want := map[string]string{"old": `{"x":1}`, "other": "2"}
	same(t, load(t, dir), want)
	s.Put("new", struct{ A []int }{[]int{1, 2}})
	s.Put("other", 3)
	s.Put("other", 4)
	s.Delete("old")
	s.Delete("never")
	s.Put("twice", 1)
	s.Put("twice", json.RawMessage(nil))
	flush(t, s)
	want = map[string]string{"new": `{"A":[1,2]}`, "other": "4"}
	same(t, load(t, dir), want)
	size := fileSize(t, dir)
	s.Put("other", 4)
	s.Delete("old")
	flush(t, s)
	if got := fileSize(t, dir); got != size {
		t.Errorf("the file grew from %d to %d by changes that are none", size, got)
	}
	s.Put("other", 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want["other"] = "5"
	same(t, load(t, dir), want)
	if l, _ := Load(dir); l.BootID != "boot" {
		t.Errorf("boot id %q", l.BootID)
	}
	s.Put("late", 1)
	if err := s.Flush(context.Background()); !errors.Is(err, errClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	same(t, load(t, dir), want)
	for name, mode := range map[string]os.FileMode{"": os.ModeDir | 0o700, stateFile: 0o600} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode() != mode {
			t.Errorf("%q: %v, %v", name, st.Mode(), err)
		}
	}
	if names := list(t, dir); names != "state" {
		t.Errorf("the directory holds %s", names)
	}
}

func fileSize(t *testing.T, dir string) int64 {
	t.Helper()
	st, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestDamagedKept: the file in which damage was found is kept, the state mended.
func TestDamagedKept(t *testing.T) {
	dir := t.TempDir()
	for i, damaged := range [][]byte{append(sample(), "torn"...), bytes.Replace(sample(), []byte(`"k":"a"`), []byte(`"k":"A"`), 1)} {
		if err := os.WriteFile(filepath.Join(dir, stateFile), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(dir)
		if err != nil || len(loaded.Problems) != 1 {
			t.Fatal(loaded.Problems, err)
		}
		if err := open(t, dir, loaded).Close(); err != nil {
			t.Fatal(err)
		}
		same(t, load(t, dir), texts(loaded))
		got, err := os.ReadFile(filepath.Join(dir, damagedFile))
		if err != nil || !bytes.Equal(got, damaged) {
			t.Errorf("%d: kept %q, %v", i, got, err)
		}
	}
	// A sound one is not.
	loaded, _ := Load(dir)
	if err := os.Remove(filepath.Join(dir, damagedFile)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, loaded).Close(); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); names != "state" {
		t.Errorf("the directory holds %s", names)
	}
}

// TestSpoiled: somebody else changes the file; the next change mends it.
func TestSpoiled(t *testing.T) {
	for name, spoil := range map[string]func(dir, path string) error{
		"removed":           func(dir, path string) error { return os.Remove(path) },
		"directory removed": func(dir, path string) error { return os.RemoveAll(dir) },
		"parent removed":    func(dir, path string) error { return os.RemoveAll(filepath.Dir(dir)) },
		"moved":             func(dir, path string) error { return os.Rename(path, path+".old") },
		"emptied":           func(dir, path string) error { return os.Truncate(path, 0) },
		"replaced":          func(dir, path string) error { os.Rename(path, path+".old"); return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lib", "d")
			s := open(t, dir, raw(map[string]string{"a": "1"}))
			flush(t, s)
			if err := spoil(dir, filepath.Join(dir, stateFile)); err != nil {
				t.Fatal(err)
			}
			s.Put("b", 2)
			flush(t, s)
			same(t, load(t, dir), map[string]string{"a": "1", "b": "2"})
		})
	}
}

// TestCompaction: the file stays within its bound whatever is put.
func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Loaded{})
	value := strings.Repeat("x", 10<<10)
	shrunk, last := 0, int64(0)
	for i := range 1000 {
		s.Put(fmt.Sprint("k", i%10), fmt.Sprint(i, value))
		flush(t, s)
		size := fileSize(t, dir)
		if limit := int64(compactAt + 3*10*(len(value)+100)); size > limit {
			t.Fatalf("after %d puts the file has %d bytes, more than %d", i+1, size, limit)
		}
		if size < last {
			shrunk++
		}
		last = size
	}
	if shrunk < 5 {
		t.Errorf("shrunk %d times", shrunk)
	}
	got := load(t, dir)
	for i := range 10 {
		if want := fmt.Sprintf(`"%d`, 990+i); !strings.HasPrefix(got[fmt.Sprint("k", i)], want) {
			t.Errorf("k%d is %.10q, want %s…", i, got[fmt.Sprint("k", i)], want)
		}
	}
}

// TestRefused: what cannot be marshalled is trouble of its own and hinders nothing else.
func TestRefused(t *testing.T) {
	dir, told := t.TempDir(), make(troubles, 10)
	s := Open(dir, "", raw(map[string]string{"f": "1"}), told.tell)
	defer s.Close()
	s.Put("f", func() {})
	s.Put("g", 2)
	const want = `cannot store "f": json: unsupported type: func()`
	if err := s.Flush(context.Background()); err == nil || err.Error() != want {
		t.Errorf("Flush: %v", err)
	}
	if err := told.next(t); err == nil || err.Error() != want {
		t.Errorf("told %v", err)
	}
	s.Put("h", 3)
	if err := s.Flush(context.Background()); err == nil || err.Error() != want {
		t.Errorf("Flush: %v", err)
	}
	told.none(t)
	same(t, load(t, dir), map[string]string{"f": "1", "g": "2", "h": "3"})
	s.Put("f", 4)
	flush(t, s)
	if err := told.next(t); err != nil {
		t.Errorf("told %v", err)
	}
	told.none(t)
	same(t, load(t, dir), map[string]string{"f": "4", "g": "2", "h": "3"})
}

// stopped is a store whose clock and disk are the test's.
type stopped struct {
	*Store
	told   troubles
	clock  chan time.Time
	waits  chan time.Duration // what it began to wait for
	broken atomic.Bool
}

func newStopped(t *testing.T, dir string) *stopped {
	s := &stopped{told: make(troubles, 10), clock: make(chan time.Time), waits: make(chan time.Duration, 10)}
	s.Store = newStore(dir, "", Loaded{}, s.told.tell)
	real := s.disk.k.write
	s.disk.k.write = func(fd int, b []byte) (int, error) {
		if s.broken.Load() {
			return -1, unix.EIO
		}
		return real(fd, b)
	}
	s.after = func(d time.Duration) <-chan time.Time {
		if d == closeWithin {
			return time.After(20 * time.Second)
		}
		s.waits <- d
		return s.clock
	}
	return s
}

// TestRetry: it writes by itself when the disk does again, at a Put and without.
func TestRetry(t *testing.T) {
	for _, put := range []bool{false, true} {
		t.Run(fmt.Sprint(put), func(t *testing.T) {
			dir := t.TempDir()
			s := newStopped(t, dir)
			s.broken.Store(true)
			s.Put("a", 1)
			go s.run()
			if err := s.told.next(t); !errors.Is(err, unix.EIO) {
				t.Fatalf("told %v", err)
			}
			for range 3 { // in vain, and not told again
				if d := <-s.waits; d != retryAfter {
					t.Fatalf("waits for %v", d)
				}
				s.clock <- time.Time{}
			}
			<-s.waits
			want := map[string]string{"a": "1"}
			s.broken.Store(false)
			if put {
				s.Put("b", 2)
				want["b"] = "2"
				if d := <-s.waits; d != calm {
					t.Fatalf("waits for %v", d)
				}
			}
			s.clock <- time.Time{}
			if err := s.told.next(t); err != nil {
				t.Fatalf("told %v", err)
			}
			same(t, load(t, dir), want)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			s.told.none(t)
			select {
			case d := <-s.waits:
				t.Errorf("waits for %v without trouble", d)
			default:
			}
		})
	}
}

func TestCloseInTrouble(t *testing.T) {
	s := newStopped(t, t.TempDir())
	s.broken.Store(true)
	s.Put("a", 1)
	go s.run()
	for range 2 {
		if err := s.Close(); !errors.Is(err, unix.EIO) || !strings.HasPrefix(err.Error(), "cannot write ") {
			t.Errorf("Close: %v", err)
		}
	}
}

// TestStuckDisk: a write that does not return holds up nobody.
func TestStuckDisk(t *testing.T) {
	dir := t.TempDir()
	s := newStore(dir, "", Loaded{}, nil)
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	real := s.disk.k.write
	s.disk.k.write = func(fd int, b []byte) (int, error) {
		once.Do(func() { close(begun); <-release })
		return real(fd, b)
	}
	fired := make(chan time.Time)
	close(fired)
	s.after = func(time.Duration) <-chan time.Time { return fired }
	go s.run()
	<-begun
	for i := range 1000 {
		s.Put("a", i)
		s.Delete(fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	if err := s.Flush(ctx); err == nil || err.Error() != fmt.Sprintf("cannot flush state in %q: enough", dir) {
		t.Errorf("Flush: %v", err)
	}
	if err := s.Close(); err == nil || err.Error() != fmt.Sprintf("cannot close state in %q: the disk did not answer within 2s", dir) {
		t.Errorf("Close: %v", err)
	}
	close(release)
	<-s.done // what was put is written nevertheless
	same(t, load(t, dir), map[string]string{"a": "999"})
}

// TestStorm: 10,000 puts of 1,000 keys from eight goroutines, while others flush.
func TestStorm(t *testing.T) {
	const keys, puts, writers = 1000, 10_000, 8
	type doc struct {
		Program, State, Reason string
		PID, Jobs              int
		Since                  time.Time
	}
	dir := t.TempDir()
	s := open(t, dir, Loaded{})
	began := time.Now()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < puts; i += writers { // 8 divides 1,000: one writer per key
				s.Put(fmt.Sprint("run/program/", i%keys), doc{"program", "running", "began after a recycle", 4711, i, began})
				if i%100 == w {
					if err := s.Flush(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	flush(t, s)
	t.Logf("%d puts of %d keys: %v, written after %v; the file has %d bytes", puts, keys, took, time.Since(began), fileSize(t, dir))
	l, err := Load(dir)
	if err != nil || len(l.Problems) > 0 || len(l.Documents) != keys {
		t.Fatalf("%d documents, problems %v, %v", len(l.Documents), l.Problems, err)
	}
	for i := range keys {
		var d doc
		if err := json.Unmarshal(l.Documents[fmt.Sprint("run/program/", i)], &d); err != nil || d.Jobs != puts-keys+i {
			t.Fatalf("%d: %+v, %v", i, d, err)
		}
	}
}
