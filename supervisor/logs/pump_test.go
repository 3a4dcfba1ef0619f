package logs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const soon = 30 * time.Second // a bound for what must happen, not a measure

// piped starts a pump and returns it with the child's end.
func piped(t testing.TB, k *Sink, tap func([]byte)) (*Pump, *os.File) {
	t.Helper()
	return pumped(t, streams(t, filepath.Join(t.TempDir(), "run")), 1, k, tap)
}

func pumped(t testing.TB, s *Streams, run uint64, k *Sink, tap func([]byte)) (*Pump, *os.File) {
	t.Helper()
	st, fd, err := s.Make(StreamID{"program", "instance", run, "stdout"})
	if err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(fd), "w")
	var count Tap
	if tap != nil {
		total := uint64(0)
		count = func(chunk []byte) (uint64, []byte) {
			tap(chunk)
			total += uint64(len(chunk))
			return total, nil
		}
	}
	p, err := st.Start(k, count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		p.Close()
		<-p.Done()
		if err := st.Remove(); err != nil {
			t.Error(err)
		}
	})
	return p, w
}

func TestEndsOfAStream(t *testing.T) {
	s := streams(t, filepath.Join(t.TempDir(), "run"))
	st, w, err := s.Make(StreamID{"a", "b", 1, "stdout"})
	if err != nil {
		t.Fatal(err)
	}
	keep, err := st.Keep()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(w)
	defer unix.Close(keep)
	for fd, want := range map[int]int{int(st.r.Fd()): unix.O_RDONLY | unix.O_NONBLOCK, w: unix.O_RDWR, keep: unix.O_RDWR | unix.O_NONBLOCK} {
		fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || fl&(unix.O_NONBLOCK|unix.O_ACCMODE) != want {
			t.Errorf("descriptor %d: flags %#x, %v", fd, fl, err)
		}
		if fdFlags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || fdFlags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is not close-on-exec (%v)", fd, err)
		}
	}
	if info, err := os.Stat(st.Path()); err != nil || info.Mode() != os.ModeNamedPipe|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := st.Remove(); err != nil {
		t.Error(err)
	}
}

// TestPumpOrder writes much in many sizes: file and tap get the very same bytes.
func TestPumpOrder(t *testing.T) {
	for _, shared := range []bool{false, true} {
		log := filepath.Join(t.TempDir(), "log")
		k := opened(t, NewSet(nil), Target{Path: log, Shared: shared})
		var tapped, want bytes.Buffer
		p, w := piped(t, k, func(chunk []byte) { tapped.Write(chunk) })
		for n := range 3000 {
			text := fmt.Sprintf("%d%s", n, strings.Repeat("é\n", n%7)+strings.Repeat("long", n%900))
			want.WriteString(text)
			if _, err := w.WriteString(text); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		<-p.Done()
		written, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(written, want.Bytes()) {
			t.Errorf("shared %v: the file has %d bytes, written were %d", shared, len(written), want.Len())
		}
		if !bytes.Equal(tapped.Bytes(), want.Bytes()) {
			t.Errorf("shared %v: the tap has %d bytes, written were %d", shared, tapped.Len(), want.Len())
		}
	}
}

func TestPumpWithoutSink(t *testing.T) {
	seen := 0
	p, w := piped(t, nil, func(chunk []byte) { seen += len(chunk) })
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-p.Done()
	if seen != 1<<20 {
		t.Errorf("tapped %d bytes", seen)
	}
	if !p.Drain(soon) {
		t.Error("a drain after the end waits")
	}
}

// TestPumpSurvivesAFullDisk: the writer is not stopped, the tap still sees all.
func TestPumpSurvivesAFullDisk(t *testing.T) {
	seen := 0
	k := opened(t, NewSet(nil), Target{Path: "/dev/full"})
	p, w := piped(t, k, func(chunk []byte) { seen += len(chunk) })
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-p.Done()
	if seen != 1<<20 || k.Lost() != 1<<20 {
		t.Errorf("tapped %d, lost %d", seen, k.Lost())
	}
}

// TestDrain: what was written is in the file when Drain returns, though the
// pipe stays open, and the pump goes on.
func TestDrain(t *testing.T) {
	for _, shared := range []bool{false, true} {
		log := filepath.Join(t.TempDir(), "log")
		k := opened(t, NewSet(nil), Target{Path: log, Shared: shared})
		p, w := piped(t, k, nil)
		var want strings.Builder
		for n := range 500 {
			text := fmt.Sprintf("line %d\nhalf", n)
			want.WriteString(text)
			if _, err := w.WriteString(text); err != nil {
				t.Fatal(err)
			}
			if !p.Drain(soon) {
				t.Fatal("timed out")
			}
			if got, _ := os.ReadFile(log); string(got) != want.String() {
				t.Fatalf("shared %v, drain %d: the file lacks %d bytes", shared, n, want.Len()-len(got))
			}
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if !p.Drain(soon) {
					t.Error("timed out")
				}
			})
		}
		all.Wait()
		p.Close()
		<-p.Done()
	}
}

// TestDrainsAtOnce: each of many callers finds its own line in the file.
func TestDrainsAtOnce(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) { drainAtOnce(t, shared) })
	}
}

func drainAtOnce(t *testing.T, shared bool) {
	log := filepath.Join(t.TempDir(), "log")
	p, w := piped(t, opened(t, NewSet(nil), Target{Path: log, Shared: shared}), nil)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 50 {
				line := fmt.Sprintf("caller %d line %d %s\n", n, i, strings.Repeat("x", 3000))
				if _, err := w.WriteString(line); err != nil { // whole: below PIPE_BUF
					t.Error(err)
				}
				if !p.Drain(soon) {
					t.Error("timed out")
				}
				if text, _ := os.ReadFile(log); !strings.Contains(string(text), line) {
					t.Errorf("line %d of caller %d is not in the file", i, n)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestDrainOfANoisyPipe: a pipe that is refilled whenever it is read, so never
// empty, does not keep Drain from returning.
func TestDrainOfANoisyPipe(t *testing.T) {
	var w *os.File
	text := make([]byte, 4096)
	ready := make(chan struct{})
	var p *Pump
	p, w = piped(t, nil, func([]byte) {
		<-ready
		_, _ = w.Write(text) // there is room: as much has just been read
	})
	close(ready)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
	}
}

// TestDrainTimesOut behind a tap that does not return.
func TestDrainTimesOut(t *testing.T) {
	stuck, entered := make(chan struct{}), make(chan struct{})
	p, w := piped(t, nil, func([]byte) {
		close(entered)
		<-stuck
	})
	fmt.Fprint(w, "x")
	<-entered
	if p.Drain(time.Millisecond) {
		t.Error("drained what is stuck")
	}
	close(stuck)
	if !p.Drain(soon) {
		t.Error("timed out")
	}
}

// TestSharedLinesStayWhole writes lines in pieces from several pumps.
func TestSharedLinesStayWhole(t *testing.T) {
	const pumps, lines = 4, 200
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	var all sync.WaitGroup
	var ends []*Pump
	for n := range pumps {
		p, w := piped(t, opened(t, s, Target{Path: log}), nil)
		ends = append(ends, p)
		all.Go(func() {
			defer w.Close()
			for i := range lines {
				for _, piece := range []string{fmt.Sprint("pump ", n), fmt.Sprint(" line ", i), " end", "\n"} {
					fmt.Fprint(w, piece)
				}
			}
		})
	}
	all.Wait()
	for _, p := range ends {
		<-p.Done()
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		seen[line] = true
	}
	for n := range pumps {
		for i := range lines {
			if line := fmt.Sprintf("pump %d line %d end\n", n, i); !seen[line] {
				t.Fatalf("%q is torn", line)
			}
		}
	}
}

// TestHeldLine: an unfinished line is written as it stands after a while, and a
// line too long to hold at once.
func TestHeldLine(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log, Shared: true})
	follower := following(t, s, log, 0)
	_, w := piped(t, k, nil)
	fmt.Fprint(w, "prompt> ")
	expect(t, follower, "prompt> ")
	long := strings.Repeat("x", 3*chunkSize)
	fmt.Fprint(w, long)
	expect(t, follower, long)
	fmt.Fprint(w, "end\n")
	expect(t, follower, "end\n")
}

// TestChildsEnd: a child's last words are in the file when its pump is done.
func TestChildsEnd(t *testing.T) {
	for range 20 {
		log := filepath.Join(t.TempDir(), "log")
		k := opened(t, NewSet(nil), Target{Path: log})
		p, w := piped(t, k, nil)
		cmd := exec.Command("sh", "-c", "sleep 60 & echo $! >&2; echo last words")
		var pid bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &pid
		r, stderr, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = stderr
		if err := cmd.Run(); err != nil { // its child holds the pipe open
			t.Fatal(err)
		}
		stderr.Close()
		var orphan int
		if _, err := fmt.Fscan(r, &orphan); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if !p.Drain(soon) {
			t.Error("timed out")
		}
		if got, _ := os.ReadFile(log); string(got) != "last words\n" {
			t.Errorf("the file has %q", got)
		}
		_ = syscall.Kill(orphan, syscall.SIGKILL)
	}
}

// TestIdlePumpsHoldNoBuffer compares the heap before and after many pumps have
// read something and wait: their buffers alone would be 12 MB.
func TestIdlePumpsHoldNoBuffer(t *testing.T) {
	const pumps = 200
	s := streams(t, filepath.Join(t.TempDir(), "run"))
	before := heap()
	for n := range pumps {
		p, w := pumped(t, s, uint64(n), nil, nil)
		fmt.Fprint(w, "some output")
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
	}
	per := (heap() - before) / pumps
	t.Logf("%d bytes of heap for each idle pump", per)
	if per > 4<<10 {
		t.Errorf("an idle pump holds %d bytes of heap", per)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first only retires what pools hold
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkPump is the cost of a child that writes as fast as it can.
func BenchmarkPump(b *testing.B) {
	for _, c := range []struct {
		name string
		tap  func([]byte)
		max  int64
		cmd  string
	}{
		{"discarded", nil, -1, "head -c %d /dev/zero"},
		{"bulk", nil, 0, "head -c %d /dev/zero"},
		{"bulk, rotated", nil, 50 << 20, "head -c %d /dev/zero"},
		{"lines", nil, 0, "yes '[2026-11-21 00:35:22] production.INFO: Imported row of a tenant' | head -c %d"},
	} {
		b.Run(c.name, func(b *testing.B) {
			const size = 200 << 20
			b.SetBytes(size)
			s := NewSet(nil)
			var before, after unix.Rusage
			_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
			for b.Loop() {
				log := filepath.Join(b.TempDir(), "log")
				path := log
				if c.max < 0 {
					path = os.DevNull
				}
				k, err := s.Open(Target{Path: path, MaxBytes: c.max, Backups: 1})
				if err != nil {
					b.Fatal(err)
				}
				p, w := piped(b, k, c.tap)
				cmd := exec.Command("sh", "-c", fmt.Sprintf(c.cmd, size))
				cmd.Stdout = w
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				w.Close()
				<-p.Done()
				k.Close()
				os.Remove(log) // never path: that may be the device
			}
			_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
			cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N)/(size>>20), "cpu-us/MB")
		})
	}
}
