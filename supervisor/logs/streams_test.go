package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func streams(t testing.TB, dir string) *Streams {
	t.Helper()
	s, err := OpenStreams(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// owner is a supervisor; it leaves without waiting for anything to be written.
type owner struct {
	*Streams
	pumps []*Pump
}

func (o *owner) leave(t testing.TB) {
	t.Helper()
	for _, p := range o.pumps {
		p.Close()
		<-p.Done()
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func (o *owner) start(t testing.TB, st *Stream, k *Sink, tap Tap) *Pump {
	t.Helper()
	p, err := st.Start(k, tap)
	if err != nil {
		t.Fatal(err)
	}
	o.pumps = append(o.pumps, p)
	return p
}

func owned(t testing.TB, dir string) *owner { return &owner{Streams: streams(t, dir)} }

// TestHandedOver: a line that is unfinished when one owner leaves is finished
// under the next, in one piece, and counted once. Nobody reads meanwhile.
func TestHandedOver(t *testing.T) {
	dir, log := filepath.Join(t.TempDir(), "a", "run"), filepath.Join(t.TempDir(), "log")
	set := NewSet(nil)
	k := opened(t, set, Target{Path: log, Shared: true})
	other := opened(t, set, Target{Path: log})
	id := StreamID{"prog/ram\x00", "in+stance%é", 1<<64 - 1, "stdout"}

	first := owned(t, dir)
	first.holdTime = time.Hour
	st, fd, err := first.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(fd), "w")
	defer w.Close()
	fed := make(chan int, 10)
	first.start(t, st, k, func(chunk []byte) (uint64, []byte) {
		defer func() { fed <- len(chunk) }()
		return 1, []byte("half")
	})
	fmt.Fprint(w, "one\nhalf")
	for n := 0; n < 8; {
		n += <-fed
	}
	first.leave(t)
	put(t, other, "other\n")
	fmt.Fprint(w, " two\n") // into the FIFO

	second := owned(t, dir)
	if ids, err := second.List(); err != nil || !slices.Equal(ids, []StreamID{id}) {
		t.Errorf("listed %v, %v", ids, err)
	}
	st, err = second.Reopen(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Reopen(id); err == nil || !strings.Contains(err.Error(), "it is in use") {
		t.Errorf("opened twice: %v", err)
	}
	if st.Count() != 1 || string(st.TapState()) != "half" {
		t.Errorf("count %d, state %q", st.Count(), st.TapState())
	}
	var seen bytes.Buffer
	p := second.start(t, st, k, func(chunk []byte) (uint64, []byte) {
		seen.Write(chunk)
		return 2, nil
	})
	if !p.Drain(soon) {
		t.Fatal("timed out")
	}
	if got, _ := os.ReadFile(log); string(got) != "one\nother\nhalf two\n" || seen.String() != " two\n" {
		t.Errorf("the log has %q, the second tap %q", got, &seen)
	}
	if st.Count() != 2 || st.TapState() != nil {
		t.Errorf("count %d, state %q", st.Count(), st.TapState())
	}
	if _, err := st.Start(nil, nil); err == nil {
		t.Error("started twice")
	}
	p.Close()
	<-p.Done()
	fmt.Fprint(w, "nobody reads, nobody fails")
	if err := st.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := second.Reopen(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened after its end: %v", err)
	}
	if ids, err := second.List(); err != nil || len(ids) != 0 {
		t.Errorf("left are %v, %v", ids, err)
	}
	if diff := cmp.Diff([]string{"books"}, entryNamesOf(t, dir)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func entryNamesOf(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFileNames(t *testing.T) {
	names := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z%+./-]{0,9}`), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 180), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		id := StreamID{names.Draw(t, "program"), names.Draw(t, "instance"), rapid.Uint64().Draw(t, "run"), rapid.SampledFrom([]string{"stdout", "stderr"}).Draw(t, "channel")}
		if id.check() != nil {
			return
		}
		name := id.fileName()
		if len(name) > fileMost || strings.ContainsAny(name, "/\x00") || name == "books" {
			t.Fatalf("%q becomes %q", id, name)
		}
		got, err := parseFileName(name)
		if name[0] == '+' && id.Program != "" {
			if err == nil {
				t.Fatalf("a hash is read as %q", got)
			}
			return
		}
		if err != nil || got != id {
			t.Fatalf("%q becomes %q, that %q, %v", id, name, got, err)
		}
	})
	for _, name := range []string{"", "books", "a+b+1", "a+b+01.stdout", "a+b+1.other", "a+b.stdout", "%4+b+1.stdout", "%zz+b+1.stdout", "%61+b+1.stdout", ".stdout"} {
		if id, err := parseFileName(name); err == nil {
			t.Errorf("%q is read as %v", name, id)
		}
	}
}

// TestLongNames are only in the books.
func TestLongNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	o := owned(t, dir)
	id := StreamID{strings.Repeat("/", 150), strings.Repeat("+", 150), 1, "stderr"}
	st, w, err := o.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(w)
	st.r.Close()
	o.leave(t)
	o = owned(t, dir)
	if ids, err := o.List(); err != nil || !slices.Equal(ids, []StreamID{id}) {
		t.Errorf("listed %v, %v", ids, err)
	}
	id.Program += strings.Repeat("x", namesMost)
	if _, _, err := o.Make(id); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("names too long: %v", err)
	}
	id = StreamID{"a", "b", 1, "stdin"}
	if _, err := o.Reopen(id); err == nil || !strings.Contains(err.Error(), `channel "stdin"`) {
		t.Errorf("another channel: %v", err)
	}
}

// TestBooksStaySmall looks at the memory that a thousand streams take.
func TestBooksStaySmall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := streams(t, dir)
	for n := range 1000 {
		p, w := pumped(t, s, uint64(n), nil, []func([]byte){nil, func([]byte) {}}[n%2])
		fmt.Fprintln(w, "some output")
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
	}
	info, err := os.Stat(filepath.Join(dir, "books"))
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "books"), &st); err != nil {
		t.Fatal(err)
	}
	t.Logf("1000 streams, half of them counted, take %d KiB of books (%d bytes long)", st.Blocks/2, info.Size())
	if st.Blocks*512 > 1500<<10 {
		t.Errorf("the books take %d bytes", st.Blocks*512)
	}
	if s.slots.have > 100 {
		t.Errorf("%d slots were needed", s.slots.have)
	}
}
