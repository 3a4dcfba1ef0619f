package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProc is a /proc of files.
type fakeProc struct {
	t   *testing.T
	top string
}

func (f fakeProc) put(pid, name, text string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Join(f.top, pid), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.top, pid, name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func TestGaugeErrors(t *testing.T) {
	f := fakeProc{t, t.TempDir()}
	f.put("7", "statm", "9 8 7 0 0 0 0\n")
	f.put("7", "smaps_rollup", "Pss: 100 kB\nSwapPss: 1 kB\n")
	f.put("8", "statm", "9 8 7 0 0 0 0\n")
	if err := os.Mkdir(filepath.Join(f.top, "8/smaps_rollup"), 0o755); err != nil { // cannot be read
		t.Fatal(err)
	}
	for _, c := range []struct {
		pids    []int
		measure int64
		fails   bool
	}{
		{[]int{7}, 101 << 10, false},
		{[]int{7, 8, 9}, 101 << 10, false},
		{[]int{9}, 0, false}, // gone
		{[]int{8}, 0, true},
		{nil, 0, false},
	} {
		var g gauge
		r, err := g.read(f.top, c.pids)
		if (err != nil) != c.fails || r.Measure != c.measure {
			t.Errorf("read(%v) = %+v, %v", c.pids, r, err)
		}
	}
}

// What seems not to change is not measured again for a while, and by itself only.
func TestGaugeMeasuresWhatChanges(t *testing.T) {
	top := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := fakeProc{t, top}
		holds := func(pid, statm, kb string) {
			f.put(pid, "statm", statm)
			f.put(pid, "smaps_rollup", "Pss: "+kb+" kB\n")
		}
		var g gauge
		reads := func(what string, kb int64, pids ...int) {
			t.Helper()
			if r, err := g.read(top, pids); err != nil || r.Measure != kb<<10 || r.Current != kb<<10 {
				t.Errorf("%s: %+v, %v, want %d kB", what, r, err, kb)
			}
		}
		holds("7", "50 20 5", "100")
		holds("8", "60 30 5", "1000")
		reads("at first", 1100, 7, 8)
		holds("7", "50 20 5", "200")
		time.Sleep(pssMost - time.Second)
		reads("seems the same", 1100, 7, 8)
		holds("8", "60 31 5", "2000")
		reads("one has changed", 2100, 7, 8)
		time.Sleep(time.Second)
		reads("the other was measured long ago", 2200, 7, 8)
		reads("one has left the run", 200, 7)
		holds("8", "60 31 5", "3000")
		reads("and come back, or is another", 3200, 7, 8)
	})
}

// A real process, which grows and is seen to.
func TestGaugeOfOurselves(t *testing.T) {
	var g gauge
	me := []int{os.Getpid()}
	before, err := g.read("/proc", me)
	if err != nil || before.Measure == 0 {
		t.Fatal(before, err)
	}
	const size = 64 << 20
	more := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		more[i] = 1
	}
	after, err := g.read("/proc", me)
	if err != nil || after.Measure < before.Measure+size/2 {
		t.Errorf("%d bytes more: from %d to %d, %v", len(more), before.Measure, after.Measure, err)
	}
}

func BenchmarkGauge(b *testing.B) {
	for _, c := range []struct {
		name  string
		known bool
	}{{"measured", false}, {"unchanged", true}} {
		b.Run(c.name, func(b *testing.B) {
			child := sleeper(b)
			var g gauge
			for b.Loop() {
				if !c.known {
					g.last = nil
				}
				if _, err := g.read("/proc", []int{child}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sleeper is the pid of a process that does nothing.
func sleeper(b *testing.B) int {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}
