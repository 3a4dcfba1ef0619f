package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

type fixedReading reading

func (f fixedReading) reading() reading { return reading(f) }

// TestView follows every field from where it is known to what users see.
func TestView(t *testing.T) {
	p := worker("queue", 1, func(p *conf.Program) {
		p.Recycle.MaxMemory, p.Limits.MemoryMax = 100, 200
		p.Process.OOMScoreAdj = 500
		p.Instances[0].Group = "mail"
		p.Instances[0].Stdout.Path, p.Instances[0].Stderr.Path = "/log/out", "/log/err"
	}).Programs[0]
	in := newInstance(&program{conf: &p}, &p.Instances[0])
	born := time.Now()
	in.state = programs.State{Want: true, LastN: 4, Cur: programs.Run{N: 4, Phase: programs.Running, Jobs: 3, MaxJobs: 9}, Due: programs.MaxAge}
	in.runs[4] = &runFacts{pid: 4711, started: born, live: fixedReading{50, 60, 70, 5, "/cg"}}
	in.restarts, in.recycles, in.oomKills = 1, 2, 3
	in.paused = 4
	in.reasons = []control.Reason{{Kind: "crashed"}, {Kind: "exited"}}
	in.stoppedAt = born.Add(-time.Second)

	got := (&loop{}).view(in).fresh("kernel", born.Add(65*time.Second))
	want := control.Status{
		Name: "queue", Group: "mail", Program: "queue", State: "RUNNING", StateCode: 20, PID: 4711, Run: 4,
		Description: "pid 4711, uptime 0:01:05, mem 50B/100B, jobs 3/9, paused, recycling: max_age",
		StartedAt:   born, StoppedAt: born.Add(-time.Second), UptimeSeconds: 65,
		MemoryBytes: 50, MemoryCurrentBytes: 60, MemoryPeakBytes: 70, SwapBytes: 5, MemoryMaxBytes: 200, MaxMemoryBytes: 100,
		JobsDone: 3, MaxJobs: 9, Restarts: 1, Recycles: 2, OOMKills: 3, OOMScoreAdj: 500, Cgroup: "/cg",
		Recycling: "max_age", Paused: true, Enforced: "kernel", LastReason: &control.Reason{Kind: "crashed"},
		StdoutLog: "/log/out", StderrLog: "/log/err",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What does not run has no readings, no pid and no jobs, but a past.
func TestViewOfWhatIsStopped(t *testing.T) {
	p := worker("queue", 1, nil).Programs[0]
	in := newInstance(&program{conf: &p}, &p.Instances[0])
	v := (&loop{}).view(in)
	if s := v.fresh("sampling", time.Now()); s.State != "STOPPED" || s.Description != "Not started" || s.LastReason != nil || !v.idle || s.MemoryMaxBytes != 0 {
		t.Errorf("never started: %+v", s)
	}
	in.state = programs.State{LastN: 2, Rest: programs.Waiting, Want: true, Again: 1}
	in.startedAt, in.stoppedAt = time.Now(), time.Now()
	in.paused = 2
	in.reasons = []control.Reason{{Kind: "spawn_failed", Detail: "no such file"}}
	v = (&loop{}).view(in)
	if s := v.fresh("sampling", time.Now()); s.State != "BACKOFF" || s.Description != "no such file" || s.PID != 0 || s.Paused || s.Run != 2 || v.idle || v.failure != "no such file" {
		t.Errorf("in BACKOFF: %+v", s)
	}
}

func TestRecycling(t *testing.T) {
	leaving := programs.Run{N: 1, Phase: programs.Stopping, Asked: programs.AskedRecycle, Why: programs.MaxMemory}
	for _, tt := range []struct {
		name  string
		state programs.State
		want  string
	}{
		{"nothing", programs.State{Cur: programs.Run{N: 1, Phase: programs.Running}}, ""},
		{"due", programs.State{Due: programs.MaxJobs, Cur: programs.Run{N: 1, Phase: programs.Running}}, "max_jobs"},
		{"under way", programs.State{Cur: leaving}, "max_memory"},
		{"the predecessor leaves", programs.State{Cur: programs.Run{N: 2, Phase: programs.Running}, Side: leaving}, "max_memory"},
		{"a stop is none", programs.State{Cur: programs.Run{N: 1, Phase: programs.Stopping, Asked: programs.AskedStop}}, ""},
	} {
		if got := recycling(tt.state); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What asks a look at every process is looked at every two seconds at most, however many
// ask; what the kernel counts is as of now.
func TestReadingsOfStatus(t *testing.T) {
	for _, enforced := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeRun(t, enforced, nil)
			have := func(n int64) { f.comp.reading = cgroup.Reading{Measure: n, At: time.Now()} }
			want := func(what string, n int64) {
				t.Helper()
				if got := f.process.reading().measure; got != n {
					t.Errorf("enforced %v: %s: %d, want %d", enforced, what, got, n)
				}
			}
			have(1)
			want("first", 1)
			time.Sleep(time.Second)
			have(2)
			want("a second later", map[bool]int64{true: 2, false: 1}[enforced])
			f.backUpOrLook(enforced, time.Now())
			have(3)
			want("after a sample", map[bool]int64{true: 3, false: 2}[enforced])
			time.Sleep(programs.SampleFresh + 1)
			have(4)
			want("later", 4)
		})
	}
}
