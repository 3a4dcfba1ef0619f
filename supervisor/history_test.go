package supervisor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/history"
)

// written is a history that is kept.
type written struct{ lines []history.Line }

func (w *written) Write(l history.Line) { w.lines = append(w.lines, l) }

func TestParseMeminfoWhole(t *testing.T) {
	got := parseMeminfo([]byte("MemTotal:       2013120 kB\nMemFree:  5 kB\nMemAvailable:    577536 kB\nSwapCached: 1 kB\nSwapTotal: 262140 kB\nSwapFree:  262138 kB\n"))
	if want := (meminfo{2013120 << 10, 577536 << 10, 262140 << 10, 262138 << 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := parseMeminfo([]byte("MemTotal: -5 kB\nSwapFree: 1099511627776 kB\nSwapTotal\n")); got != (meminfo{}) {
		t.Errorf("of nonsense: %+v", got)
	}
}

func TestParseKills(t *testing.T) {
	for text, want := range map[string]int64{
		"pgfault 7\noom_kill 12\noom_kill_x 3\n": 12, "oom_kill 0\n": 0, "oom_kill": 0, "oom_kill many\n": 0, "oom_kill -1\n": 0, "": 0, "no_oom_kill 3\n": 0,
	} {
		if got := parseKills([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if _, err := os.Stat("/proc/vmstat"); err == nil {
		if b, _ := os.ReadFile("/proc/vmstat"); !strings.Contains(string(b), "\noom_kill ") {
			t.Error("this kernel does not count its kills")
		}
	}
}

// TestLook: a line at the first look, and then at the one that is nearest to a
// minute after the last.
func TestLook(t *testing.T) {
	var w written
	reads := 0
	h := &historian{out: &w, boot: "0b1d", counts: func() *snapshot { return &snapshot{} }}
	usage := func() map[string]history.Program { reads++; return map[string]history.Program{"queue": {Sum: 5}} }
	r := hostReading{memory: meminfo{8, 4, 2, 1}, waited: 3 * time.Millisecond, someWaited: 5 * time.Millisecond}
	began := time.Now()
	for i := range 3 { // it cannot be read: it is tried again
		h.look(hostReading{}, began.Add(-time.Duration(i)*time.Second), time.Second, usage)
	}
	for _, step := range []time.Duration{programs.SampleMost, programs.SampleCalm, 7 * time.Second} {
		h.last, w.lines, reads = time.Time{}, nil, 0
		for at := time.Duration(0); at <= 10*time.Minute; at += step {
			h.look(r, began.Add(at), step, usage)
		}
		if n := len(w.lines); n < 10 || n > 11 || reads != n {
			t.Errorf("looked every %v: %d lines in 10 minutes, %d times read", step, n, reads)
		}
		for i := 1; i < len(w.lines); i++ {
			if apart := w.lines[i].At.Sub(w.lines[i-1].At); apart < historyEvery-step/2 || apart > historyEvery+step/2 {
				t.Errorf("looked every %v: %v apart", step, apart)
			}
		}
	}
	got := w.lines[0]
	want := history.Line{At: began, Up: got.Up, Boot: "0b1d", Memory: &history.Memory{Total: 8, Available: 4, SwapTotal: 2, SwapFree: 1}, Some: 5000, Full: 3000,
		OOMKills: hostKills(), Programs: map[string]history.Program{"queue": {Sum: 5}}}
	if diff := cmp.Diff(want, got); diff != "" || got.Up <= 0 {
		t.Errorf("up %d (-want +got):\n%s", got.Up, diff)
	}
	var none *historian
	none.look(r, began, time.Second, usage)
	none.mark(history.Stop, "", "")
}

// TestUsageIsReadOnce: of the kernel's numbers no more are read than are needed.
func TestUsageIsReadOnce(t *testing.T) {
	type run struct {
		program       string
		measure, swap int64
		cache         int64
		reads         int // that are to be
	}
	for name, c := range map[string]struct {
		enforced bool
		looked   bool // the sampler has been there before
		runs     []run
		want     map[string]history.Program
	}{
		"charged: one is read": {true, true, []run{{"a", 30, 0, 0, 0}, {"a", 90, 20, 0, 1}, {"a", 10, 0, 0, 0}},
			map[string]history.Program{"a": {Instances: 3, Sum: 90, Most: 90, Swap: 20, MemoryMax: 200 * mib, MaxMemory: 100 * mib}}}, // no program's cgroup here
		"charged: cache hides the largest": {true, true, []run{{"a", 30, 0, 100, 1}, {"a", 90, 0, 0, 1}, {"a", 40, 0, 0, 0}},
			map[string]history.Program{"a": {Instances: 3, Sum: 120, Most: 90, MemoryMax: 200 * mib, MaxMemory: 100 * mib}}},
		"charged: programs apart": {true, true, []run{{"a", 30, 0, 0, 1}, {"b", 90, 0, 0, 1}},
			map[string]history.Program{"a": {Instances: 1, Sum: 30, Most: 30, MemoryMax: 200 * mib, MaxMemory: 100 * mib},
				"b": {Instances: 1, Sum: 90, Most: 90, MemoryMax: 200 * mib, MaxMemory: 100 * mib}}},
		"sampled: nothing is read again": {false, true, []run{{"a", 30, 5, 0, 1}, {"a", 90, 0, 0, 1}},
			map[string]history.Program{"a": {Instances: 2, Sum: 120, Most: 90, Swap: 5, MemoryMax: 200 * mib, MaxMemory: 100 * mib}}},
		"not looked at yet": {false, false, []run{{"a", 30, 5, 0, 1}, {"a", 90, 0, 0, 1}},
			map[string]history.Program{"a": {Instances: 2, Sum: 120, Most: 90, Swap: 5, MemoryMax: 200 * mib, MaxMemory: 100 * mib}}},
		"nothing runs": {false, true, nil, map[string]history.Program{}},
	} {
		h := newHost(&conf.Config{}, &cgroup.Tree{}, nil, newGoTimer(), nil, nil)
		h.post = func(any) {}
		var comps []*fakeCompartment
		for i, r := range c.runs {
			f := newFakeRun(t, false, func(p *conf.Program) { p.Name = r.program })
			f.host, f.n, f.most = h, uint64(i+1), mib // what it uses is nothing to be learned
			f.comp.reading = cgroup.Reading{Measure: r.measure, Swap: r.swap, Cache: r.cache, At: time.Now()}
			h.runs[f.ref] = f.process
			if c.looked {
				f.backUpOrLook(c.enforced, time.Now())
			}
			comps = append(comps, f.comp)
		}
		if diff := cmp.Diff(c.want, h.usage(c.enforced)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for i, r := range c.runs {
			if n := comps[i].readings(); n != r.reads {
				t.Errorf("%s, run %d: %d readings, want %d", name, i, n, r.reads)
			}
		}
	}
}

// A run that is gone, or of a program without limits, is no trouble.
func TestUsageOfWhatIsGone(t *testing.T) {
	f := newFakeRun(t, false, func(p *conf.Program) {
		p.Recycle.MaxMemory, p.Limits.MemoryMax, p.Total.MemoryMax = 0, conf.Unlimited, 300*mib
	})
	f.host.runs[f.ref] = f.process
	f.comp.err = cgroup.ErrGone
	for _, enforced := range []bool{false, true} {
		want := map[string]history.Program{"queue": {Instances: 1, TotalMax: 300 * mib}}
		if diff := cmp.Diff(want, f.host.usage(enforced)); diff != "" {
			t.Errorf("enforced %v (-want +got):\n%s", enforced, diff)
		}
	}
}

// The sampler writes a line a minute on its way, and does not wake up for it.
func TestSamplerWritesHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRun(t, true, nil)
		var w written
		f.host.history = &historian{out: &w, boot: "0b1d", counts: func() *snapshot { return &snapshot{} }}
		f.host.runs[f.ref] = f.process
		f.comp.reading = cgroup.Reading{Measure: 10 * mib, At: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		began := time.Now()
		go func() { f.host.sampler(ctx); close(ended) }()
		time.Sleep(time.Hour + time.Second)
		cancel()
		<-ended
		if n := len(w.lines); n < 58 || n > 62 {
			t.Fatalf("%d lines in an hour", n)
		}
		if first := w.lines[0].At.Sub(began); first != programs.SampleCalm {
			t.Errorf("the first one after %v", first)
		}
		if p := w.lines[9].Programs["queue"]; p.Sum != 10*mib || p.Most != 10*mib || p.Instances != 1 || p.MaxMemory != 100*mib {
			t.Errorf("%+v", p)
		}
	})
}

// TestCounted: what the loop knows of a program's instances stands in the line.
func TestCounted(t *testing.T) {
	c := join(worker("queue", 2, nil), worker("other", 1, nil))
	within(t, c, nil, func(w *world) {
		w.after(15 * time.Second)
		w.edge.exit(w.ref("queue:queue_00"), programs.Exit{Code: 1}, false)
		w.after(15 * time.Second)
		w.edge.exit(w.ref("queue:queue_01"), programs.Exit{Code: -1, Signal: 9, OOM: programs.OwnOOM}, false)
		w.after(15 * time.Second)
		w.edge.exit(w.ref("queue:queue_01"), programs.Exit{Code: 12}, false)
		w.after(15 * time.Second)
		got := counted(map[string]history.Program{"queue": {Instances: 2, Sum: 7}}, w.loop.publish.peek())
		want := map[string]history.Program{"queue": {Instances: 2, Sum: 7, Runs: 5, Restarts: 2, Recycles: 1, OOMKills: 1}, "other": {Runs: 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestHistoryTrouble is told, and is not the end of anything.
func TestHistoryTrouble(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.loop.post(historyTrouble{errors.New("no space left on device")})
		w.loop.post(historyTrouble{})
		w.after(time.Second)
		want := []string{historyLost + ": no space left on device", "the history is written again"}
		if got := w.kinds("trouble"); !slices.Equal(got, want) {
			t.Errorf("told %q", got)
		}
	})
}

func TestMarks(t *testing.T) {
	var w written
	s := &server{host: &host{history: &historian{out: &w, boot: "0b1d"}}, daemon: &daemon{}, loop: &loop{log: zap.NewNop()}}
	s.daemon.info.Version, s.daemon.info.Config = "0.2.0", "/etc/bulkhead/bulkhead.toml"
	s.markHistory(history.Start)
	s.handed = &handover{}
	s.markHistory(history.Start)
	s.markHistory(history.Leave)
	s.markHistory(history.Stop)
	var got []history.Mark
	for _, l := range w.lines {
		got = append(got, l.Mark)
		if l.Boot != "0b1d" || l.Version != "0.2.0" || l.Config != "/etc/bulkhead/bulkhead.toml" || l.Memory != nil {
			t.Errorf("%+v", l)
		}
	}
	if want := []history.Mark{history.Start, history.Upgrade, history.Leave, history.Stop}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if h := newHistorian(nil, "0b1d2c3d-aaaa", nil); h.boot != "0b1d2c3d" {
		t.Errorf("boot %q", h.boot)
	}
}
