package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/procfs"
)

// TestReadPassesOver: kernel threads, zombies, and what has ended halfway are no processes;
// of what is there, what cannot be read is unknown.
func TestReadPassesOver(t *testing.T) {
	f := load(t, "healthy")
	f.write(t, "proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0 "+strings.Repeat("0 ", 23))
	f.write(t, "proc/2/status", "Name:\tkthreadd\nPid:\t2\n")
	f.write(t, "proc/2/cmdline", "")
	f.write(t, "proc/3/stat", "3 (gone")
	if err := os.Mkdir(filepath.Join(f.root, "proc/4"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proc/602/smaps_rollup", "proc/602/oom_score", "proc/602/oom_score_adj", "proc/602/cgroup", "proc/701/status"} {
		if err := os.Remove(filepath.Join(f.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Reader{Root: f.root, Self: 600}.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{2, 3, 4, 600, 701} {
		if h.process(pid) != nil {
			t.Errorf("%d is a process", pid)
		}
	}
	p := h.process(602)
	if p == nil || p.Pss != unknown || p.OOMScore != unknown || p.Cgroup.Max != unknown || p.RSS != 62<<20 || h.Unmeasured != 1 || h.Hidden {
		t.Errorf("602 is %+v, %d not measured, hidden %v", p, h.Unmeasured, h.Hidden)
	}
	if p := h.process(601); p == nil || p.Pss != 60<<20 || p.Cgroup.Max != 128<<20 || p.Cgroup.Path != "/bulkhead.slice/programs/queue/00" || p.Start != 5000 || p.Parent != 600 {
		t.Errorf("601 is %+v", p)
	}
	if p := h.process(400); p == nil || p.Cgroup.Max != Unlimited || p.Cgroup.Unit != "mariadb.service" || p.OOMScoreAdj != -600 || p.Swap != 10<<20 || p.Own() != 860<<20 {
		t.Errorf("400 is %+v", p)
	}
	if err := os.RemoveAll(filepath.Join(f.root, "proc/1")); err != nil {
		t.Fatal(err)
	}
	if h, err := (Reader{Root: f.root}).Light(); err != nil || !h.Hidden {
		t.Errorf("without the first process: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"no proc":           {"", "", "cannot read the host"},
		"no meminfo":        {"proc/x", "", "cannot read the host's memory"},
		"an old kernel's":   {"proc/meminfo", "MemTotal: 10 kB\nMemFree: 5 kB\n", "no MemTotal and MemAvailable"},
		"not one's":         {"proc/meminfo", "what is this, then\n", "cannot read the host's memory"},
		"no process at all": {"proc/meminfo", "MemTotal: 10 kB\nMemAvailable: 5 kB\n", "cannot read any process"},
	} {
		f := fixture{root: t.TempDir()}
		if c.file != "" {
			f.write(t, c.file, c.text)
		}
		if _, err := (Reader{Root: f.root}).Read(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestWatch(t *testing.T) {
	root := load(t, "healthy").root
	synctest.Test(t, func(t *testing.T) {
		r := Reader{Root: root}
		begin := time.Now()
		all, err := r.Watch(t.Context(), 20*time.Second)
		if err != nil || len(all) != readings || time.Since(begin) != 20*time.Second {
			t.Fatalf("%d readings in %v: %v", len(all), time.Since(begin), err)
		}
		for i, h := range all {
			if h.At.Sub(begin) != time.Duration(i)*2*time.Second {
				t.Errorf("reading %d was taken after %v", i, h.At.Sub(begin))
			}
			if whole := h.process(601).Pss != unknown; whole != (i == readings-1) {
				t.Errorf("reading %d is whole: %v", i, whole)
			}
		}
		if all, err := r.Watch(t.Context(), 0); err != nil || len(all) != 1 {
			t.Errorf("at once: %d readings, %v", len(all), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Watch(ctx, time.Minute); err == nil || !strings.Contains(err.Error(), "cannot take all readings") {
			t.Errorf("interrupted: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	f := fixture{root: t.TempDir()}
	f.write(t, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
	f.write(t, "sys/fs/cgroup/a/memory.max", "1000\n")
	f.write(t, "sys/fs/cgroup/a/b/memory.max", "max\n")
	f.write(t, "sys/fs/cgroup/a/c/memory.max", "500\n")
	f.write(t, "sys/fs/cgroup/d/memory.max", "what\n")
	l := newLimits(f.root)
	for path, want := range map[string]int64{
		"/": Unlimited, "/a": 1000, "/a/b": 1000, "/a/c": 500, "/a/c/gone": 500, "/d": Unlimited, "/../a": unknown, "a": unknown, "": unknown,
	} {
		if got := l.of([]procfs.Cgroup{{Path: path}}).Max; got != want {
			t.Errorf("%q is held to %d, want %d", path, got, want)
		}
	}
	if got := newLimits(t.TempDir()).of([]procfs.Cgroup{{Path: "/a"}, {HierarchyID: 4, Controllers: []string{"memory"}, Path: "/a"}}); got.Max != unknown {
		t.Errorf("a limit where no tree is: %+v", got)
	}
	for path, want := range map[string]string{
		"/system.slice/a.service": "a.service", "/system.slice/a.service/sub/x": "a.service", "/user.slice/user-1.slice/user@1.service/app.slice/b.service": "b.service",
		"/user.slice/user-1.slice/user@1.service/init.scope": "", "/": "", "": "",
	} {
		if got := unitOf(path); got != want {
			t.Errorf("unitOf(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestParseKernel(t *testing.T) {
	for release, want := range map[string][2]int{
		"6.12.48-1-amd64": {6, 12}, "5.2": {5, 2}, "6.12-rc1": {6, 12}, "4.19.0": {4, 19}, "": {}, "6": {}, "x.y": {}, "-6.1": {}, "6.": {},
	} {
		if got := parseKernel(release); got != want {
			t.Errorf("parseKernel(%q) = %v, want %v", release, got, want)
		}
	}
}

func FuzzParseMax(f *testing.F) {
	f.Add("max\n")
	f.Add("9223372036854771712\n")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, s string) {
		if n := parseMax(s); n < 0 {
			t.Errorf("parseMax(%q) = %d", s, n)
		}
	})
}
