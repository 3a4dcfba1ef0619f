package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(up int64) Line {
	return Line{At: time.Unix(1e9+up, 0), Up: up, Boot: "0b1d", Memory: &Memory{Total: 8, Available: 4}}
}

// ups are the seconds of the lines that a directory holds, with those lost before in brackets.
func ups(t *testing.T, dir string) string {
	t.Helper()
	l, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, x := range l.Lines {
		word := fmt.Sprint(x.Up)
		if x.Lost > 0 {
			word = fmt.Sprintf("(%d)%s", x.Lost, word)
		}
		words = append(words, word)
	}
	if l.Bad > 0 {
		words = append(words, fmt.Sprintf("%d bad", l.Bad))
	}
	return strings.Join(words, " ")
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestWriter(t *testing.T) {
	dir := t.TempDir()
	for n := range int64(2) { // the second goes on where the first has ended
		w := Open(dir, func(err error) { t.Error(err) })
		for i := range int64(3) {
			w.Write(line(3*n + i))
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		w.Write(line(99))
	}
	same(t, "lines", ups(t, dir), "0 1 2 3 4 5")
	st, err := os.Stat(filepath.Join(dir, newer))
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	var none *Writer
	none.Write(line(1))
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

// TestAppend: what a line meets in the file.
func TestAppend(t *testing.T) {
	one, err := line(7).encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ before, old, want string }{
		"nothing":              {"", "", "7"},
		"a line":               {at("1") + "\n", "", "1 7"},
		"a torn line":          {at("1") + "\n" + at("2")[:9], "", "1 7 1 bad"},
		"a line and no end":    {at("1"), "", "1 7"},
		"a full file":          {strings.Repeat(at("1")+"\n", 9), "", strings.Repeat("1 ", 9) + "7"},
		"a full file, rotated": {strings.Repeat(at("2")+"\n", 9), at("1") + "\n", strings.Repeat("2 ", 9) + "7"},
		"more than full":       {strings.Repeat(at("2")+"\n", 90), "", strings.Repeat("2 ", 90) + "7"},
	} {
		dir := t.TempDir()
		if c.before != "" {
			put(t, dir, newer, c.before)
		}
		if c.old != "" {
			put(t, dir, older, c.old)
		}
		f := newFile(dir)
		f.most = 9 * int64(len(at("1")+"\n"))
		if err := f.append(one); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, ups(t, dir), c.want)
	}
}

// TestBound: however much is written, the two files stay within their bound.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	f := newFile(dir)
	f.most = 4 << 10
	for i := range int64(500) {
		b, _ := line(i).encode()
		if err := f.append(b); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{newer, older} {
			if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Size() > f.most {
				t.Fatalf("%s has %d bytes", name, st.Size())
			}
		}
	}
	l, err := Read(dir)
	if err != nil || l.Bad > 0 || l.Lines[len(l.Lines)-1].Up != 499 || len(l.Lines) < 30 {
		t.Errorf("%d lines, %d bad, %v", len(l.Lines), l.Bad, err)
	}
	for i := 1; i < len(l.Lines); i++ {
		if l.Lines[i].Up != l.Lines[i-1].Up+1 {
			t.Errorf("%d follows %d", l.Lines[i].Up, l.Lines[i-1].Up)
		}
	}
}

// TestNoPlace: what is no place for a history is refused, and left as it is.
func TestNoPlace(t *testing.T) {
	for name, c := range map[string]struct {
		make func(path string) error
		want error
	}{
		"a directory":       {func(p string) error { return os.Mkdir(p, 0o700) }, unix.EISDIR},
		"a link":            {func(p string) error { return os.Symlink("/dev/null", p) }, unix.ELOOP},
		"a pipe":            {func(p string) error { return unix.Mkfifo(p, 0o600) }, os.ErrInvalid},
		"no directory":      {func(p string) error { return os.Remove(filepath.Dir(p)) }, unix.ENOENT},
		"a file in its way": {func(p string) error { os.Remove(filepath.Dir(p)); return os.WriteFile(filepath.Dir(p), nil, 0o600) }, unix.ENOTDIR},
	} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := errors.Join(os.Mkdir(dir, 0o700), c.make(filepath.Join(dir, newer))); err != nil {
			t.Fatal(err)
		}
		f := newFile(dir)
		if err := f.append([]byte("{}\n")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	dir := t.TempDir()
	put(t, dir, newer, at("1")+"\n")
	if err := os.MkdirAll(filepath.Join(dir, older, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := newFile(dir)
	f.most = 1
	if err := f.append([]byte("{}\n")); err == nil || !strings.HasPrefix(err.Error(), "cannot rotate ") {
		t.Errorf("a directory in the older file's place: %v", err)
	}
}

// TestFullDisk: nothing of a line is left, it is told once, and the next that is
// written says how many were lost.
func TestFullDisk(t *testing.T) {
	dir, told := t.TempDir(), make(chan error, 9)
	w := &Writer{file: newFile(dir), onTrouble: func(err error) { told <- err }, lines: make(chan Line, 99), done: make(chan struct{})}
	real, full := w.file.write, 0
	w.file.write = func(f *os.File, b []byte) (int, error) {
		if full++; full > 2 && full < 6 {
			n, _ := real(f, b[:len(b)/2])
			return n, unix.ENOSPC
		}
		return real(f, b)
	}
	for i := range int64(8) {
		w.Write(line(i))
	}
	go w.run()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "lines", ups(t, dir), "0 1 (3)5 6 7")
	if err := <-told; !errors.Is(err, unix.ENOSPC) || !strings.HasPrefix(err.Error(), "cannot write ") {
		t.Errorf("told %v", err)
	}
	if err := <-told; err != nil {
		t.Errorf("told %v", err)
	}
	if len(told) > 0 {
		t.Errorf("told %v too", <-told)
	}
}

// TestStuckDisk: a write that does not return holds up nobody, and loses what
// does not fit into the queue.
func TestStuckDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := &Writer{file: newFile(dir), lines: make(chan Line, waiting), done: make(chan struct{})}
		release := make(chan struct{})
		var stuck atomic.Bool
		stuck.Store(true)
		real := w.file.write
		w.file.write = func(f *os.File, b []byte) (int, error) {
			if stuck.Load() {
				<-release
			}
			return real(f, b)
		}
		go w.run()
		w.Write(line(0))
		synctest.Wait()
		for i := range int64(waiting + 5) {
			w.Write(line(i + 1))
		}
		began := time.Now()
		if err := w.Close(); err == nil || !strings.HasSuffix(err.Error(), "the disk did not answer within 2s") || time.Since(began) != closeWithin {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
		stuck.Store(false)
		close(release)
		<-w.done
		same(t, "lines", ups(t, dir), "0 (5)1 2 3 4 5 6 7 8")
	})
}
