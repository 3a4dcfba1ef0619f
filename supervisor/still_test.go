package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
)

// stillHost is a host of runs of which the kernel says how much CPU time they have used.
type stillHost struct {
	*host
	t    *testing.T
	runs []*fakeRun
	free int64
	lost programs.Loss
}

func newStillHost(t *testing.T, mode cgroup.Mode, runs ...*fakeRun) *stillHost {
	controllers := map[cgroup.Mode]string{cgroup.Enforced: "memory", cgroup.Tracking: ""}[mode]
	s := &stillHost{host: runs[0].host, t: t, runs: runs, free: 1 << 40}
	s.host.tree = paperTreeWith(t, controllers, mode)
	for _, f := range runs {
		f.process.host = s.host
		s.host.runs[f.ref] = f.process
		f.comp.says(20 * mib)
	}
	s.used("usage_usec 1000\n")
	return s
}

// used says how much CPU time all have used.
func (s *stillHost) used(text string) {
	if err := os.WriteFile(filepath.Join(s.tree.Path(), "programs", "cpu.stat"), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// next is a round, and the time until the one after it. It fails unless so many runs are looked at.
func (s *stillHost) next(what string, want int) time.Duration {
	s.t.Helper()
	for _, f := range s.runs {
		f.charge.Store(-1)
		f.comp.reading.At = time.Now()
	}
	was := s.readings()
	wait := s.round(hostReading{memory: meminfo{total: 1 << 41, available: s.free}}, &s.lost)
	looks := s.readings() - was
	if s.tree.Mode() == cgroup.Enforced {
		looks = 0
		for _, f := range s.runs {
			if f.charge.Load() >= 0 {
				looks++
			}
		}
	}
	if looks != want {
		s.t.Errorf("%s: %d looks, want %d", what, looks, want)
	}
	time.Sleep(wait)
	return wait
}

func (s *stillHost) readings() (n int) {
	for _, f := range s.runs {
		n += f.comp.readings()
	}
	return n
}

// What has not run is not looked at, whatever becomes of the host, and what is known of it holds.
func TestNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFakeRun(t, false, nil), newFakeRun(t, false, nil)
		lineless := newFakeRun(t, false, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = 0, conf.Unlimited })
		s := newStillHost(t, cgroup.Tracking, a, b, lineless)
		s.next("the first round", 3)
		for i := range 100 {
			s.free -= 1 << 30
			if wait := s.next(fmt.Sprintf("round %d of still ones", i), 0); wait != programs.SampleCalm {
				t.Errorf("again after %v", wait)
			}
			if m := a.reading().measure; m != 20*mib {
				t.Errorf("status tells of %d", m)
			}
		}
		a.comp.says(21 * mib)
		s.used("usage_usec 1001\n")
		s.next("something has run", 3)
		if m := a.reading().measure; m != 21*mib {
			t.Errorf("status tells of %d", m)
		}
		s.next("still again", 0)
		rules := *b.prog.Load()
		rules.Recycle.MaxMemory = 19 * mib
		b.revise(&rules)
		s.next("a new line, which one is over; the other has just moved", 2)
		s.next("that one", 1)
		s.next("that one", 1)
		b.comp.says(18 * mib)
		s.next("that one", 1)
		s.next("still again", 0)
		time.Sleep(programs.PassMost)
		s.next("an hour later", 3)
		s.next("still again", 0)
		s.host.still.disturb()
		s.next("a run came to be: those that were seen just now rest", 0)
		s.used("nonsense")
		time.Sleep(programs.SampleMost)
		s.next("nobody knows whether something has run", 2)
	})
}

// Who has changed its oom_score_adj and runs no more is found out before anything rests.
func TestNothingRunsSinceScores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := newFakeRun(t, false, func(p *conf.Program) { p.Process.OOMScoreFree = true })
		young := newFakeRun(t, false, nil)
		s := newStillHost(t, cgroup.Tracking, free, young)
		young.scores.begin(0)
		listed := func(what string, want int) {
			t.Helper()
			if n := len(young.comp.listed()); n != want {
				t.Errorf("%s: its processes were listed %d times, want %d", what, n, want)
			}
		}
		s.next("the first round", 2)
		s.next("it is too young for a look at scores", 2)
		listed("too young", 0)
		s.next("it is looked at", 0)
		listed("old enough", 1)
		s.used("usage_usec 1001\n")
		s.next("something has run, the next look at scores is far", 0)
		time.Sleep(programs.SampleMost)
		s.used("usage_usec 1002\n")
		s.next("they are measured again, since it is long ago", 2)
		listed("before its time", 1)
		s.next("nothing has run since", 0)
		listed("so it is looked at early", 2)
		s.next("still in all respects", 0)
		s.used("usage_usec 1003\n")
		s.next("something has run", 0)
		s.next("nothing has run since, but there was an early look a moment ago", 0)
		listed("not early again", 2)
		time.Sleep(programs.SampleMost)
		s.next("early, once more", 2)
		listed("early, once more", 3)
		time.Sleep(programs.SampleMost)
		s.next("still in all respects", 0)
	})
}

// Of runs without lines nothing is to be found soon, whether they run or not.
func TestNothingRunsWithoutLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStillHost(t, cgroup.Tracking, newFakeRun(t, false, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = 0, conf.Unlimited }))
		for i := range 10 {
			if wait := s.next(fmt.Sprintf("round %d", i), 1-min(i, 1)); wait != programs.SampleMost {
				t.Errorf("again after %v", wait)
			}
		}
	})
}

// What has been started is looked at every two seconds until it runs no more, and then once more, early.
func TestNothingRunsAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStillHost(t, cgroup.Enforced, newFakeRun(t, true, nil))
		s.history = &historian{out: &written{}, counts: func() *snapshot { return &snapshot{} }}
		s.runs[0].scores.begin(0)
		round := func(what string, looks int, again time.Duration) {
			t.Helper()
			if wait := s.next(what, looks); wait != again {
				t.Errorf("%s: again after %v, want %v", what, wait, again)
			}
		}
		s.bore(time.Now())
		round("too young for a look at scores", 1, programs.SampleCalm)
		for i := range 3 {
			s.used(fmt.Sprintf("usage_usec %d\n", 1001+i))
			round("it comes up", 0, programs.SampleCalm)
		}
		round("it is up", 1, programs.SampleMost)
		round("still", 0, programs.SampleMost)
		s.used("usage_usec 1005\n")
		round("it is long up, and runs", 0, programs.SampleMost)
	})
}

// Where the kernel tells of growth, what has not run is not looked at for the history either.
func TestNothingRunsWhereTheKernelTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, over := newFakeRun(t, true, nil), newFakeRun(t, true, nil)
		s := newStillHost(t, cgroup.Enforced, a, over)
		var w written
		s.history = &historian{out: &w, counts: func() *snapshot { return &snapshot{} }}
		over.comp.says(101 * mib)
		s.next("the first round", 2)
		time.Sleep(time.Minute)
		s.next("one is over its line", 2)
		over.comp.says(99 * mib)
		time.Sleep(time.Minute)
		s.next("it is no more, after this look", 2)
		for range 10 {
			time.Sleep(time.Minute)
			over.comp.says(50 * mib) // which only the next look would find
			if wait := s.next("nothing has run", 0); wait != programs.SampleMost {
				t.Errorf("again after %v", wait)
			}
		}
		if n := len(w.lines); n != 13 {
			t.Errorf("%d lines of the history", n)
		}
		for _, l := range w.lines[3:] {
			if diff := cmp.Diff(w.lines[2].Programs, l.Programs); diff != "" {
				t.Errorf("a line of the still time is not as the one before:\n%s", diff)
			}
		}
		s.used("usage_usec 1001\n")
		time.Sleep(time.Minute)
		s.next("something has run", 2)
		if err := os.WriteFile(filepath.Join(s.tree.Path(), "programs", "memory.swap.current"), []byte("1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if wait := s.next("nothing has run, something is in swap", 0); wait != programs.SampleCalm {
			t.Errorf("again after %v", wait)
		}
	})
}
