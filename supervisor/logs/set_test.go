package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("LOGS_ROLE"); role != "" {
		if err := helper(role); err != nil {
			fmt.Fprintln(os.Stderr, role, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// opened opens a target that the test closes at its end.
func opened(t testing.TB, s *Set, target Target) *Sink {
	t.Helper()
	k, err := s.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func put(t *testing.T, k *Sink, text string) {
	t.Helper()
	if n, err := k.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("writing %q: %d, %v", text, n, err)
	}
}

// tree returns the files of dir, name to content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// TestRotation is supervisord's behaviour: after a write that reaches the
// limit, whole chunks, the youngest backup is .1.
func TestRotation(t *testing.T) {
	for _, c := range []struct {
		name     string
		max      int64
		backups  int
		existing map[string]string
		writes   []string
		want     map[string]string
	}{
		{"below the limit", 10, 2, nil, []string{"123456789"}, map[string]string{"log": "123456789"}},
		{"reaching it", 10, 2, nil, []string{"1234567890"}, map[string]string{"log": "", "log.1": "1234567890"}},
		{"over by a chunk", 10, 2, nil, []string{"123456789", "abcdef"}, map[string]string{"log": "", "log.1": "123456789abcdef"}},
		{"three times, two kept", 3, 2, nil, []string{"aaa", "bbb", "ccc", "d"}, map[string]string{"log": "d", "log.1": "ccc", "log.2": "bbb"}},
		{"no backups", 3, 0, nil, []string{"aaa", "b"}, map[string]string{"log": "b"}},
		{"never", 0, 3, nil, []string{"aaa", "bbb"}, map[string]string{"log": "aaabbb"}},
		{"appends", 10, 1, map[string]string{"log": "before "}, []string{"a", "bc"}, map[string]string{"log": "", "log.1": "before abc"}},
		{"already too long", 3, 1, map[string]string{"log": "before"}, []string{"a", "b"}, map[string]string{"log": "b", "log.1": "beforea"}},
		{"a gap in the backups", 2, 3, map[string]string{"log.2": "old", "log.3": "older"}, []string{"xx"}, map[string]string{"log": "", "log.1": "xx", "log.2": "old", "log.3": "older"}},
		{"killed between two renames", 2, 3, map[string]string{"log.1": "young", "log.3": "old"}, []string{"xx"}, map[string]string{"log": "", "log.1": "xx", "log.2": "young", "log.3": "old"}},
		{"fewer backups than before", 2, 1, map[string]string{"log.1": "one", "log.2": "two"}, []string{"xx"}, map[string]string{"log": "", "log.1": "xx", "log.2": "two"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.existing {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			k := opened(t, NewSet(nil), Target{Path: filepath.Join(dir, "log"), MaxBytes: c.max, Backups: c.backups})
			for _, w := range c.writes {
				put(t, k, w)
			}
			if diff := cmp.Diff(c.want, tree(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTruncatedBySomebodyElse(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	k := opened(t, NewSet(nil), Target{Path: log, MaxBytes: 10, Backups: 1})
	put(t, k, "123456789")
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	put(t, k, "ab")
	if diff := cmp.Diff(map[string]string{"log": "ab"}, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestFailedRotationLosesNothing puts a directory where the backup belongs.
func TestFailedRotationLosesNothing(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	if err := os.MkdirAll(filepath.Join(log+".1", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, told := troubled()
	k := opened(t, s, Target{Path: log, MaxBytes: 3, Backups: 1})
	for range 5 {
		put(t, k, "abc")
	}
	if got, _ := os.ReadFile(log); string(got) != strings.Repeat("abc", 5) {
		t.Errorf("log is %q", got)
	}
	if len(*told) != 1 || !strings.Contains((*told)[0], "cannot rotate log file") {
		t.Errorf("told %q", *told)
	}
}

// troubled returns a set and what its OnTrouble was told.
func troubled() (*Set, *[]string) {
	s, told := NewSet(nil), new([]string)
	s.OnTrouble = func(path string, lost int64, err error) {
		*told = append(*told, fmt.Sprint(filepath.Base(path), " ", lost, " ", err))
	}
	return s, told
}

// TestSharedFile lets many sinks write one rotating file at once.
func TestSharedFile(t *testing.T) {
	const writers, lines, backups = 8, 500, 400
	dir := t.TempDir()
	s := NewSet(nil)
	var all sync.WaitGroup
	for w := range writers {
		k := opened(t, s, Target{Path: filepath.Join(dir, ".", "log"), MaxBytes: 1000, Backups: backups})
		all.Go(func() {
			for n := range lines {
				fmt.Fprintf(k, "writer %d line %d %s\n", w, n, strings.Repeat("x", n%40))
			}
		})
	}
	all.Wait()
	seen := make(map[string]int)
	files := tree(t, dir)
	if len(files) < 50 || len(files) > backups {
		t.Fatalf("%d files: the test is not about rotation any more", len(files))
	}
	for name, text := range files {
		if text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%s ends in the middle of a line", name)
		}
		for line := range strings.Lines(text) {
			seen[line]++
		}
	}
	for w := range writers {
		for n := range lines {
			line := fmt.Sprintf("writer %d line %d %s\n", w, n, strings.Repeat("x", n%40))
			if seen[line] != 1 {
				t.Fatalf("%q is there %d times", line, seen[line])
			}
		}
	}
	if len(seen) != writers*lines {
		t.Errorf("%d different lines, want %d", len(seen), writers*lines)
	}
}

func TestOneFileUntilItsLastSink(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	a := opened(t, s, Target{Path: log})
	b := opened(t, s, Target{Path: filepath.Dir(log) + "/./log"})
	if a.f != b.f || !a.sharing() {
		t.Error("two sinks of one path do not share it")
	}
	for range 2 { // more calls do nothing
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	put(t, b, "still open")
	if b.sharing() {
		t.Error("the last sink still shares")
	}
	b.Close()
	if _, err := b.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if len(s.files) != 0 {
		t.Errorf("%d files stay in the set", len(s.files))
	}
}

func TestOwnOutput(t *testing.T) {
	var out bytes.Buffer
	s := NewSet(&out)
	k := opened(t, s, Target{Path: "-", MaxBytes: 1, Backups: 1})
	put(t, k, "hello\n")
	if out.String() != "hello\n" {
		t.Errorf("out has %q", out.String())
	}
	if err := s.Reopen(); err != nil {
		t.Error(err)
	}
	if err := s.Clear("-"); err == nil || !strings.Contains(err.Error(), `cannot clear log file "-": not a regular file`) {
		t.Error(err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log})
	put(t, k, "one")
	if err := os.Rename(log, log+".old"); err != nil {
		t.Fatal(err)
	}
	put(t, k, " two")
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	put(t, k, "three")
	if diff := cmp.Diff(map[string]string{"log": "three", "log.old": "one two"}, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err == nil || !strings.Contains(err.Error(), "cannot open log file") {
		t.Errorf("reopen without a directory: %v", err)
	}
	put(t, k, "into the old one")
}

func TestClear(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	s := NewSet(nil)
	clear := func() {
		t.Helper()
		if err := s.Clear(log); err != nil {
			t.Fatal(err)
		}
	}
	clear() // missing: stays so
	if len(tree(t, dir)) != 0 {
		t.Error("clear has made a file")
	}
	k := opened(t, s, Target{Path: log, MaxBytes: 6, Backups: 1})
	put(t, k, "12345")
	clear()
	put(t, k, "6789")
	if diff := cmp.Diff(map[string]string{"log": "6789"}, tree(t, dir)); diff != "" {
		t.Errorf("open: %s", diff)
	}
	k.Close()
	clear()
	if diff := cmp.Diff(map[string]string{"log": ""}, tree(t, dir)); diff != "" {
		t.Errorf("closed: %s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "real"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", log); err != nil {
		t.Fatal(err)
	}
	clear()
	if diff := cmp.Diff(map[string]string{"log": "", "real": ""}, tree(t, dir)); diff != "" {
		t.Errorf("a link: %s", diff)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Clear(fifo); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a fifo: %v", err)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Error("the fifo is gone")
	}
}

// TestFullDisk writes to a device that is always full, then to one that is not.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	if err := os.Symlink("/dev/full", log); err != nil {
		t.Fatal(err)
	}
	s, told := troubled()
	k := opened(t, s, Target{Path: log, MaxBytes: 1, Backups: 1})
	for _, text := range []string{"12345", "678"} {
		if n, err := k.Write([]byte(text)); n != 0 || !errors.Is(err, unix.ENOSPC) {
			t.Errorf("writing to a full disk: %d, %v", n, err)
		}
	}
	if k.Lost() != 8 {
		t.Errorf("lost %d", k.Lost())
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	put(t, k, "a")
	put(t, k, "b")
	if diff := cmp.Diff([]string{"log 5 no space left on device", "log 8 <nil>"}, *told); diff != "" {
		t.Error(diff)
	}
}

func TestFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s, told := troubled()
	k := opened(t, s, Target{Path: path, MaxBytes: 1, Backups: 1}) // nobody reads: does not wait
	if n, err := k.Write([]byte("lost")); n != 0 || err == nil {
		t.Errorf("without a reader: %d, %v", n, err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, k, "read")
	p := make([]byte, 10)
	if n, err := r.Read(p); err != nil || string(p[:n]) != "read" {
		t.Errorf("the reader has %q, %v", p[:n], err)
	}
	r.Close()
	if _, err := k.Write([]byte("gone")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("after the reader: %v", err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("fifo 4 cannot open log file %q: no such device or address", path), "fifo 4 <nil>", "fifo 4 broken pipe"}, *told); diff != "" {
		t.Error(diff)
	}
	if _, err := Tail(path, 10); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("tail of a fifo: %v", err)
	}
}

// TestStalledFifo: a reader that does not read costs output, not the writer.
func TestStalledFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, told := troubled()
	s.stallLimit = time.Millisecond
	k := opened(t, s, Target{Path: path})
	const size = 1 << 20
	n, err := k.Write(make([]byte, size))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == size {
		t.Errorf("a full fifo took %d, %v", n, err)
	}
	if _, err := k.Write([]byte("more")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a full fifo: %v", err)
	}
	if _, err := io.ReadFull(r, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	put(t, k, "again")
	want := []string{fmt.Sprintf("fifo %d i/o timeout", size-n), fmt.Sprintf("fifo %d <nil>", size-n+4)}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Error(diff)
	}
}

func TestOddTargets(t *testing.T) {
	// Behind a link, so that a fault here cannot cost the machine its device.
	link := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Fatal(err)
	}
	s := NewSet(nil)
	put(t, opened(t, s, Target{Path: link, MaxBytes: 1, Backups: 1}), "text")
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Fatal("a device was rotated")
	}
	_, err := s.Open(Target{Path: "/nowhere/log"})
	if err == nil || err.Error() != `cannot open log file "/nowhere/log": no such file or directory` {
		t.Errorf("no directory: %v", err)
	}
	if len(s.files) != 1 {
		t.Errorf("%d files in the set", len(s.files))
	}
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if _, err := Tail(log, 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(log, []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64]string{-1: "", 0: "", 3: "789", 10: "0123456789", 99: "0123456789"} {
		if got, err := Tail(log, n); err != nil || string(got) != want {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
}

func TestMode(t *testing.T) {
	old := unix.Umask(0o022)
	defer unix.Umask(old)
	log := filepath.Join(t.TempDir(), "log")
	opened(t, NewSet(nil), Target{Path: log})
	info, err := os.Stat(log)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
