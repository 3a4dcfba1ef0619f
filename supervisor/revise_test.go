package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/spawn"
)

// TestReviseLimits: what of new limits a live run gets at once, and what waits.
func TestReviseLimits(t *testing.T) {
	f := func(change func(*conf.Program)) *conf.Program {
		return &worker("queue", 1, func(p *conf.Program) {
			p.Recycle.MaxMemory, p.Limits.MemoryMax = 100*mib, 200*mib
			change(p)
		}).Programs[0]
	}
	for _, c := range []struct {
		name   string
		now    cgroup.Reading
		next   *conf.Program
		max    int64  // that was applied, 0 nothing
		held   string // part of what is said
		wireAt int64
	}{
		{"nothing differs", cgroup.Reading{}, f(func(*conf.Program) {}), 0, "", 100 * mib},
		{"raised", cgroup.Reading{Measure: 190 * mib}, f(func(p *conf.Program) { p.Limits.MemoryMax = 300 * mib }), 300 * mib, "", 100 * mib},
		{"lowered above what is used", cgroup.Reading{Measure: 90 * mib}, f(func(p *conf.Program) { p.Limits.MemoryMax = 128 * mib }), 128 * mib, "", 100 * mib},
		{"lowered below what is used", cgroup.Reading{Measure: 130 * mib}, f(func(p *conf.Program) { p.Limits.MemoryMax = 128 * mib }), 0,
			"limits.memory_max stays 200M until its next run: 130M of the new 128M are in use", 100 * mib},
		{"what is in swap is not charged", cgroup.Reading{Measure: 130 * mib, Swap: 40 * mib}, f(func(p *conf.Program) { p.Limits.MemoryMax = 128 * mib }), 128 * mib, "", 100 * mib},
		{"the rest of it all the same", cgroup.Reading{Measure: 130 * mib}, f(func(p *conf.Program) { p.Limits.MemoryMax, p.Limits.PidsMax = 128*mib, 9 }), 200 * mib,
			"stays 200M", 100 * mib},
		{"memory_high moves the wire", cgroup.Reading{}, f(func(p *conf.Program) { p.Limits.MemoryHigh = 80 * mib }), 200 * mib, "", 80 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := newFakeRun(t, true, nil)
			run.comp.reading = c.now
			held := run.revise(c.next)
			flush(&run.lane)
			if got := strings.Join(held, ";"); !strings.Contains(got, c.held) || c.held == "" && got != "" {
				t.Errorf("held %q, want %q", got, c.held)
			}
			var applied int64
			if n := len(run.comp.applied); n > 0 {
				applied = run.comp.applied[n-1].MemoryMax
				if high := run.comp.applied[n-1].MemoryHigh; high != c.wireAt {
					t.Errorf("memory.high was applied as %d, want %d", high, c.wireAt)
				}
			}
			if applied != c.max || run.wire.At != c.wireAt {
				t.Errorf("memory.max %d and the wire at %d, want %d and %d", applied, run.wire.At, c.max, c.wireAt)
			}
		})
	}
}

// TestReviseHeldIsTriedAgain: rules that wait are not taken for those in force.
func TestReviseHeldIsTriedAgain(t *testing.T) {
	run := newFakeRun(t, true, nil)
	next := &worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = 100*mib, 128*mib }).Programs[0]
	run.comp.reading.Measure = 150 * mib
	if held := run.revise(next); len(held) != 1 {
		t.Fatalf("held %q", held)
	}
	if got := run.prog.Load().Limits.MemoryMax; got != 200*mib { // by which sampling would kill
		t.Fatalf("in force %d", got)
	}
	run.comp.reading.Measure = 50 * mib
	if held := run.revise(next); len(held) != 0 {
		t.Fatalf("held %q", held)
	}
	flush(&run.lane)
	if n := len(run.comp.applied); n != 1 || run.comp.applied[0].MemoryMax != 128*mib {
		t.Fatalf("applied %+v", run.comp.applied)
	}
}

// TestReviseLifted: a run that is on its way out keeps memory.high out of its way.
func TestReviseLifted(t *testing.T) {
	run := newFakeRun(t, true, nil)
	run.lift()
	run.revise(&worker("queue", 1, func(p *conf.Program) {
		p.Recycle.MaxMemory, p.Limits.MemoryMax, p.Limits.CPUWeight = 50*mib, 300*mib, 10
	}).Programs[0])
	flush(&run.lane)
	if n := len(run.comp.applied); n != 1 || run.comp.applied[0].MemoryHigh != cgroup.Unlimited {
		t.Fatalf("applied %+v", run.comp.applied)
	}
}

func TestAdjustment(t *testing.T) {
	nofile := func(n uint64) conf.Rlimit { return conf.Rlimit{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Value: n} }
	old := conf.ProcessLimits{OOMScoreAdj: 5, Nice: 1, Rlimits: []conf.Rlimit{nofile(100)}}
	if a, differs := adjustment(old, old); differs {
		t.Errorf("%+v", a)
	}
	a, differs := adjustment(old, conf.ProcessLimits{OOMScoreAdj: 6, Nice: 2, Rlimits: []conf.Rlimit{nofile(200)}})
	if !differs || *a.OOMScoreAdj != 6 || *a.Nice != 2 || !slices.Equal(a.Rlimits, []spawn.Rlimit{{Resource: unix.RLIMIT_NOFILE, Soft: 200, Hard: 200}}) {
		t.Errorf("%+v", a)
	}
	if got := withdrawn(old.Rlimits, nil); len(got) != 1 || got[0].Name != "nofile" {
		t.Errorf("%+v", got)
	}
}

// TestReviseProcesses: the processes of a live run get what they were not born with.
func TestReviseProcesses(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		p := shell(t, "sleep 1000 & exec sleep 1000", nil)
		own := p.Process.OOMScoreAdj
		r, run := w.up(p)
		next := p
		next.Process = conf.ProcessLimits{OOMScoreAdj: own + 7, Nice: 3, Rlimits: []conf.Rlimit{{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Value: 64}}}
		if held := run.revise(&next); len(held) != 0 {
			t.Errorf("held %q", held)
		}
		flush(&run.lane)
		pid := run.child.PID
		if got, _ := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); strings.TrimSpace(string(got)) != fmt.Sprint(own+7) {
			t.Errorf("oom_score_adj %q, want %d", got, own+7)
		}
		if got, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err != nil || 20-got != 3 { // the raw call says 20 - nice
			t.Errorf("nice %d, %v", 20-got, err)
		}
		var limit unix.Rlimit
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil || limit.Cur != 64 || limit.Max != 64 {
			t.Errorf("nofile %+v, %v", limit, err)
		}
		w.signal(r, unix.SIGKILL, true)
		await[exited](w)
		w.over(r)
	})
}

// TestAdjustGone: a process that has ended is no error, one that may not be changed is.
func TestAdjustGone(t *testing.T) {
	score := -1001
	if err := spawn.Adjust(1<<22+1, spawn.Adjustment{OOMScoreAdj: &score, Nice: &score}); err != nil {
		t.Error(err)
	}
	if err := spawn.Adjust(os.Getpid(), spawn.Adjustment{OOMScoreAdj: &score}); err == nil || !strings.Contains(err.Error(), "oom_score_adj -1001") {
		t.Error(err)
	}
}

// TestUpdateTellsWhatWaits: an update says which rules a run gets only later.
func TestUpdateTellsWhatWaits(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.held = []string{"limits.memory_max stays 2G until its next run"}
		w.update(worker("queue", 2, func(p *conf.Program) { p.Recycle.MaxAge = 1 }))
		w.after(0)
		equal(t, "told", w.kinds("config"), []string{"limits.memory_max stays 2G until its next run",
			"limits.memory_max stays 2G until its next run", "queue: updated"})
	})
}
