package logs

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scene is a directory as a kill leaves it: streams "a" (counted), with a half
// line staged, and "b", with the intent to write that half line to the same log.
type scene struct {
	dir, log string
	staged   string
	ends     map[string]*os.File
}

func (c *scene) id(name string) StreamID { return StreamID{name, name, 1, "stdout"} }

func newScene(t testing.TB) *scene {
	t.Helper()
	tmp := t.TempDir()
	c := &scene{dir: filepath.Join(tmp, "run"), log: filepath.Join(tmp, "log"), staged: "half", ends: make(map[string]*os.File)}
	set := NewSet(nil)
	o := owned(t, c.dir)
	o.holdTime = time.Hour
	for _, name := range []string{"a", "b"} {
		k, err := set.Open(Target{Path: c.log, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		st, w, err := o.Make(c.id(name))
		if err != nil {
			t.Fatal(err)
		}
		c.ends[name] = os.NewFile(uintptr(w), name)
		t.Cleanup(func() { c.ends[name].Close() })
		tapped := make(chan bool, 1)
		o.start(t, st, k, func([]byte) (uint64, []byte) { tapped <- true; return 7, []byte("state") })
		fmt.Fprint(c.ends[name], c.staged)
		<-tapped
		if name == "b" { // the intent, as pump.handOn would have it
			p := o.pumps[1]
			p.Close()
			<-p.Done()
			k.f.mu.Lock()
			p.stage.intend(k.f, len(c.staged))
			k.f.mu.Unlock()
		}
	}
	o.leave(t)
	return c
}

// after opens the directory, pumps all that there is and returns the log, the
// problems and the counts.
func (c *scene) after(t testing.TB) (log string, problems []error, counts [2]uint64) {
	t.Helper()
	o := owned(t, c.dir)
	defer o.leave(t)
	set := NewSet(nil)
	ids, err := o.List()
	if err != nil || len(ids) != 2 {
		t.Fatalf("listed %v, %v", ids, err)
	}
	for n, name := range []string{"a", "b"} {
		k := opened(t, set, Target{Path: c.log, Shared: true})
		st, err := o.Reopen(c.id(name))
		if err != nil {
			t.Fatal(err)
		}
		counts[n] = st.Count()
		p := o.start(t, st, k, nil)
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
	}
	text, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), o.Problems(), counts
}

// TestFindsOut is about what may have become of the write of "half" by stream
// b, which nobody has noted. Stream a's "half" is written by the successor, first.
func TestFindsOut(t *testing.T) {
	write := func(t *testing.T, path, text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprint(f, text)
	}
	for name, c := range map[string]struct {
		happened func(t *testing.T, log string)
		want     string
		problem  string
	}{
		"nothing":                 {func(*testing.T, string) {}, "halfhalf", ""},
		"all":                     {func(t *testing.T, log string) { write(t, log, "half") }, "halfhalf", ""},
		"a part":                  {func(t *testing.T, log string) { write(t, log, "ha") }, "halfhalf", ""},
		"another's, and all":      {func(t *testing.T, log string) { write(t, log, "other\nhalf") }, "other\nhalfhalf", ""},
		"another's, all, another": {func(t *testing.T, log string) { write(t, log, "1\nhalf2\n") }, "1\nhalf2\nhalf", ""},
		"another's alone":         {func(t *testing.T, log string) { write(t, log, "other\n") }, "other\nhalfhalf", ""},
		"all, and a rotation": {func(t *testing.T, log string) {
			write(t, log, "half")
			rename(t, log, log+".1")
			rename(t, log+".1", log+".2")
			write(t, log+".1", "between")
		}, "half", ""},
		"all, and no new log yet": {func(t *testing.T, log string) {
			write(t, log, "half")
			rename(t, log, log+".1")
		}, "half", ""},
		"a part, and a rotation": {func(t *testing.T, log string) {
			write(t, log, "ha")
			rename(t, log, log+".1")
		}, "half", ""},
		"the log is gone": {func(t *testing.T, log string) { os.Remove(log) }, "halfhalf", "written once more"},
		"another log": {func(t *testing.T, log string) {
			rename(t, log, log+"-old")
			write(t, log, "new")
		}, "newhalfhalf", "has been replaced"},
		"no file any more": {func(t *testing.T, log string) {
			rename(t, log, log+".1")
			if err := os.Mkdir(log, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			c.happened(t, s.log)
			if c.want == "" {
				o := owned(t, s.dir)
				if p := o.Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), c.problem) {
					t.Errorf("problems: %v", p)
				}
				return
			}
			got, problems, counts := s.after(t)
			if got != c.want || counts != [2]uint64{7, 7} {
				t.Errorf("the log has %q, want %q; counts %v", got, c.want, counts)
			}
			if told := fmt.Sprint(problems); !strings.Contains(told, c.problem) || c.problem == "" && len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestDamage: what can be kept is kept, the rest is told, and every stream
// goes on.
func TestDamage(t *testing.T) {
	word := func(at int, v uint64) func(*os.File) error {
		return func(f *os.File) error {
			_, err := f.WriteAt(binary.NativeEndian.AppendUint64(nil, v), int64(at))
			return err
		}
	}
	const a, b = entriesAt, entriesAt + entrySize
	for name, c := range map[string]struct {
		damage  func(f *os.File) error
		want    string
		counts  [2]uint64
		problem string
	}{
		"none":                 {func(*os.File) error { return nil }, "halfhalf", [2]uint64{7, 7}, ""},
		"cut off":              {func(f *os.File) error { return f.Truncate(100) }, "", [2]uint64{}, "are too few"},
		"empty":                {func(f *os.File) error { return f.Truncate(0) }, "", [2]uint64{}, "are too few"},
		"cut in the taps":      {func(f *os.File) error { return f.Truncate(tapsAt + 10) }, "", [2]uint64{}, "places at"},
		"slots cut off":        {func(f *os.File) error { return f.Truncate(slotsAt) }, "", [2]uint64{7, 7}, "damaged and dropped"},
		"another version":      {func(f *os.File) error { _, err := f.WriteAt([]byte("9"), int64(len(magic)-2)); return err }, "", [2]uint64{}, "books 9"},
		"too many entries":     {word(headEntries, 1<<40), "", [2]uint64{}, "places at"},
		"an entry's name":      {word(a+entryNames, 1), "half", [2]uint64{0, 7}, "number 0"},
		"an entry's state":     {word(a, 2), "half", [2]uint64{0, 7}, "number 0"},
		"a slot out of range":  {word(a+entryStages+24*1, 1<<63), "half", [2]uint64{7, 7}, "damaged and dropped"},
		"another's slot":       {word(b+entryStages+24*1, 1), "half", [2]uint64{7, 7}, "damaged and dropped"},
		"an end out of range":  {word(a+entryStages+24*1+16, 1<<40), "half", [2]uint64{7, 7}, "damaged and dropped"},
		"done before its slot": {word(a+entryDone, 99), "half", [2]uint64{7, 7}, "damaged and dropped"},
		"a tap out of range":   {word(a+entryTap, 1<<50), "halfhalf", [2]uint64{0, 7}, "begins anew"},
		"another's tap":        {word(b+entryTap, 1), "halfhalf", [2]uint64{0, 7}, "begins anew"},
		"an intent too long":   {word(b+entryIntent+32, 1<<40), "halfhalf", [2]uint64{7, 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			f, err := os.OpenFile(filepath.Join(s.dir, "books"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.damage(f); err != nil {
				t.Fatal(err)
			}
			f.Close()
			got, problems, counts := s.after(t)
			if got != c.want || counts != c.counts {
				t.Errorf("the log has %q, want %q; counts %v, want %v", got, c.want, counts, c.counts)
			}
			if told := fmt.Sprint(problems); !strings.Contains(told, c.problem) || c.problem == "" && len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
			fmt.Fprint(s.ends["a"], "on")
			if again, _, _ := s.after(t); again != c.want+"on" {
				t.Errorf("later the log has %q", again)
			}
		})
	}
}

// TestBooksThatAreNone are replaced.
func TestBooksThatAreNone(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a link": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a FIFO": func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "books")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		s := streams(t, dir)
		if len(s.Problems()) != 1 {
			t.Errorf("%s: problems %v", name, s.Problems())
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// FuzzBooks: no damage of one place makes the successor fail, and what it then
// writes is nothing but what was there.
func FuzzBooks(f *testing.F) {
	f.Add(uint32(0), []byte("x"))
	for _, at := range []uint32{headEntries, headTaps, entriesAt, entriesAt + entryStages, entriesAt + entrySize + entryDone, entriesAt + entryLens} {
		f.Add(at, []byte{0xff, 0, 0, 1, 0, 0, 0, 0x80, 3})
	}
	f.Add(uint32(8<<10), make([]byte, 24))
	f.Fuzz(func(t *testing.T, at uint32, damage []byte) {
		s := newScene(t)
		place := int64(at % (12 << 10)) // header and entries, then a tap
		if place >= 8<<10 {
			place += tapsAt - 8<<10
		}
		file, err := os.OpenFile(filepath.Join(s.dir, "books"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(damage[:min(len(damage), 4<<10)], place); err != nil {
			t.Fatal(err)
		}
		file.Close()
		log, _, _ := s.after(t)
		if len(log) > 2*len(s.staged) {
			t.Errorf("the log has %q", log)
		}
		fmt.Fprint(s.ends["b"], "on")
		if again, problems, _ := s.after(t); !strings.HasPrefix(again, log) || !strings.HasSuffix(again, "on") || len(problems) > 0 {
			t.Errorf("later the log has %q, %v", again, problems)
		}
	})
}
