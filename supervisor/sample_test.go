package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
)

// TestSample is what a look at a run finds, and when it is looked at again.
func TestSample(t *testing.T) {
	const unlimited = conf.Unlimited
	type look struct {
		measure int64
		want    string // told
		next    time.Duration
	}
	for _, tt := range []struct {
		name      string
		enforced  bool
		line, max conf.Bytes
		looks     []look // one second apart
	}{
		{"no lines", false, 0, unlimited, []look{{1 << 40, "", programs.SampleMost}}},
		{"calm", false, 100 * mib, 200 * mib, []look{{10 * mib, "", programs.SampleLow}, {10 * mib, "", programs.SampleCalm}}},
		{"it grows towards the line", false, 100 * mib, 200 * mib, []look{{10 * mib, "", programs.SampleLow}, {40 * mib, "", time.Second * 2 / 3}, {94 * mib, "", programs.SampleLow}}},
		{"over the line", false, 100 * mib, 200 * mib, []look{{100 * mib, "crossed", programs.SampleLow}, {120 * mib, "crossed", time.Second * 4 / 3}}},
		{"over the limit", false, 100 * mib, 200 * mib, []look{{200 * mib, "over", programs.SampleLow}}},
		{"a limit alone", false, 0, 200 * mib, []look{{199 * mib, "", programs.SampleLow}, {201 * mib, "over", programs.SampleLow}}},
		{"a line alone", false, 100 * mib, unlimited, []look{{99 * mib, "", programs.SampleLow}, {101 * mib, "crossed", programs.SampleCalm}}},
		{"the kernel holds it: over the line", true, 100 * mib, 200 * mib, []look{{100 * mib, "crossed", programs.SampleMost}, {150 * mib, "crossed", programs.SampleMost}}},
		{"the kernel holds it: its limit is the kernel's", true, 0, 200 * mib, []look{{250 * mib, "", programs.SampleMost}}},
	} {
		f := newFakeRun(t, tt.enforced, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = tt.line, tt.max })
		at := time.Now()
		for i, l := range tt.looks {
			f.comp.reading = cgroup.Reading{Measure: l.measure, At: at.Add(time.Duration(i) * time.Second)}
			next := f.backUpOrLook(tt.enforced, f.comp.reading.At)
			got := ""
			for _, e := range f.posted {
				switch e := e.(type) {
				case crossed:
					got = "crossed"
					if !e.sampled || e.measure != l.measure {
						t.Errorf("%s, look %d: %+v", tt.name, i, e)
					}
				case overLimit:
					got = "over"
				}
			}
			f.posted = nil
			if got != l.want || next.Round(time.Millisecond) != l.next.Round(time.Millisecond) {
				t.Errorf("%s, look %d: %q and again after %v, want %q and %v", tt.name, i, got, next, l.want, l.next)
			}
		}
	}
}

func (f *fakeRun) backUpOrLook(enforced bool, now time.Time) time.Duration {
	if enforced {
		return f.backUp(true)
	}
	return f.look(programs.Pass{At: now}, 0)
}

// A run that is gone is no reason to hurry.
func TestSampleOfWhatIsGone(t *testing.T) {
	f := newFakeRun(t, false, nil)
	f.comp.err = cgroup.ErrGone
	if next := f.look(programs.Pass{At: time.Now()}, 0); next != programs.SampleMost || len(f.posted) != 0 {
		t.Errorf("again after %v, posted %+v", next, f.posted)
	}
}

// The sampler looks early, soon again, and ends with its context.
func TestSampler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRun(t, false, nil)
		h := f.host
		h.runs[f.ref] = f.process
		f.comp.reading = cgroup.Reading{Measure: 10 * mib, At: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { h.sampler(ctx); close(ended) }()
		time.Sleep(programs.SampleCalm + programs.SampleLow + time.Millisecond)
		synctest.Wait()
		if n := f.comp.readings(); n != 2 {
			t.Errorf("%d readings, want one at the start and one soon after", n)
		}
		cancel()
		<-ended
	})
}

// A sampler that has nothing to look at is asleep; what comes to be meanwhile, or gets
// another line, is looked at soon.
func TestSamplerLearnsOfRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRun(t, false, nil)
		go f.host.sampler(t.Context())
		time.Sleep(programs.SampleCalm + time.Second)
		f.host.mu.Lock()
		f.host.runs[f.ref] = f.process
		f.host.mu.Unlock()
		f.comp.says(10 * mib)
		looks := func(what string, change func(), after time.Duration) {
			t.Helper()
			was := f.comp.readings() // a round may be at the very moment of the change
			change()
			time.Sleep(after)
			synctest.Wait()
			if f.comp.readings() == was {
				t.Errorf("%s: no look in %v", what, after)
			}
		}
		looks("a new run", f.watchMemory, programs.SampleCalm+programs.SampleLow)
		time.Sleep(programs.SampleCalm)
		rules := *f.prog.Load()
		rules.Recycle.MaxMemory = 11 * mib
		looks("a new line", func() { f.revise(&rules) }, programs.SampleCalm)
	})
}

// What is still is left alone while the host loses nothing, and is looked at when it may
// have grown; what grows is looked at each time.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		still, grows := newFakeRun(t, false, nil), newFakeRun(t, false, nil)
		h := still.host
		h.runs[still.ref], h.runs[grows.ref] = still.process, grows.process
		var lost programs.Loss
		held, free := int64(10*mib), int64(1<<40)
		round := func(most time.Duration, looks, grown int) {
			t.Helper()
			still.comp.reading = cgroup.Reading{Measure: 20 * mib, At: time.Now()}
			grows.comp.reading = cgroup.Reading{Measure: held, At: time.Now()}
			held += 4096
			was, had := still.comp.readings(), grows.comp.readings()
			wait := h.round(hostReading{memory: meminfo{total: 1 << 41, available: free}}, &lost)
			if n, g := still.comp.readings()-was, grows.comp.readings()-had; n != looks || g != grown || wait != most {
				t.Errorf("at %v: %d and %d looks, again after %v; want %d, %d and %v", time.Since(processStart), n, g, wait, looks, grown, most)
			}
			time.Sleep(wait)
		}
		const low, calm = programs.SampleLow, programs.SampleCalm
		round(low, 1, 1)
		round(calm, 1, 1)
		for range 6 { // nothing changes but the one that grows, whose 4 KiB are not lost to the other
			free -= 4096
			round(calm, 0, 1)
		}
		free -= 21 * mib // more than a quarter of the 80 MiB that are left to the line
		round(calm, 1, 1)
		free += 1 << 30
		round(calm, 0, 1)
		free -= 10 * mib
		round(calm, 0, 1)
		free -= 10 * mib // together enough
		round(calm, 1, 1)
		for range 7 {
			round(calm, 0, 1)
		}
		round(calm, 1, 1) // it was not looked at for long
		if got := still.process.reading().measure; got != 20*mib {
			t.Errorf("status tells of %d", got)
		}
	})
}

// Where the kernel tells of all that runs do, they are looked at for the history only;
// that cannot be relied on of what is in swap, of a wire that stands higher than the line, or
// of one that nobody listens to.
func TestRoundsWhereTheKernelTells(t *testing.T) {
	heard, raised, deaf := newFakeRun(t, true, nil), newFakeRun(t, true, nil), newFakeRun(t, true, nil)
	h := heard.host
	swap := filepath.Join(h.tree.Path(), "programs", "memory.swap.current")
	var w written
	h.history = &historian{out: &w, counts: func() *snapshot { return &snapshot{} }}
	all := map[string]*fakeRun{"heard": heard, "raised": raised, "deaf": deaf}
	for _, f := range all {
		h.runs[f.ref] = f.process
	}
	raised.wire.At++
	deaf.deaf = true
	began := time.Now()
	for _, c := range []struct {
		what    string
		last    time.Time // of the history's lines
		swapped string
		want    []string // who is looked at
	}{
		{"nobody counts swap", began, "", []string{"deaf", "raised"}},
		{"nothing is in swap", began, "0\n", []string{"deaf", "raised"}},
		{"something of somebody is in swap", began, "4096\n", []string{"deaf", "heard", "raised"}},
		{"what is in swap cannot be told", began, "nonsense\n", []string{"deaf", "heard", "raised"}},
		{"a line of the history is due", began.Add(-historyEvery), "0\n", []string{"deaf", "heard", "raised"}},
	} {
		if c.swapped != "" {
			if err := os.WriteFile(swap, []byte(c.swapped), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		h.history.last = c.last
		for _, f := range all {
			f.looked = programs.Looked{}
			f.charge.Store(-1)
		}
		wait := h.round(hostReading{memory: meminfo{total: 1 << 41, available: 1 << 40}}, nil)
		var got []string
		for name, f := range all {
			if f.charge.Load() >= 0 {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) || wait != programs.SampleMost {
			t.Errorf("%s: looked at %q, again after %v; want %q", c.what, got, wait, c.want)
		}
	}
}

// While something is in swap, the run that has it there is looked at often, the others as
// seldom as ever; a run that got another line, once.
func TestRoundsWithSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		swapped, other := newFakeRun(t, true, nil), newFakeRun(t, true, nil)
		h := swapped.host
		var w written
		h.history = &historian{out: &w, counts: func() *snapshot { return &snapshot{} }, last: time.Now()}
		h.runs[swapped.ref], h.runs[other.ref] = swapped.process, other.process
		if err := os.WriteFile(filepath.Join(h.tree.Path(), "programs", "memory.swap.current"), []byte("1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		swapped.comp.reading = cgroup.Reading{Measure: 50 * mib, Swap: 1}
		round := func(want [2]int64) {
			t.Helper()
			swapped.charge.Store(0)
			other.charge.Store(-1)
			wait := h.round(hostReading{memory: meminfo{total: 1 << 41, available: 1 << 40}}, nil)
			if got := [2]int64{swapped.charge.Load(), other.charge.Load()}; got != want || wait > programs.SampleCalm {
				t.Errorf("after %v: charged %d, again after %v; want %d", time.Since(h.history.last), got, wait, want)
			}
			time.Sleep(wait)
		}
		const look, none = 50 * mib, -1
		round([2]int64{look, 0})
		for range 7 {
			round([2]int64{look, none})
		}
		round([2]int64{0, 0}) // 15 s after the first
		round([2]int64{look, none})
		rules := *other.prog.Load()
		rules.Recycle.MaxMemory = 99 * mib
		other.revise(&rules)
		round([2]int64{look, 0})
		round([2]int64{look, none})
	})
}

// What is in swap grows there without an event: it is looked at more often.
func TestSwapIsLookedAtOften(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.reading = cgroup.Reading{Measure: 50 * mib, Swap: 1}
	if next := f.backUp(true); next != programs.SampleCalm {
		t.Errorf("again after %v, want %v", next, programs.SampleCalm)
	}
	if next := f.backUp(false); next != programs.SampleMost { // it is known that nothing is
		t.Errorf("with nothing in swap again after %v, want %v", next, programs.SampleMost)
	}
}

// What cannot be over its line is not read in full; a wire that was raised by
// page cache is, so that it comes down again when the cache has gone.
func TestBackUpReadsWhatMayBeOver(t *testing.T) {
	f := newFakeRun(t, true, func(p *conf.Program) { p.Recycle.MaxMemory = 100 * mib })
	f.most = 150 * mib // what it has used at most, page cache included, is no news
	f.comp.reading = cgroup.Reading{Measure: 99 * mib}
	f.backUp(false)
	if n := f.comp.readings(); n != 0 {
		t.Errorf("%d readings below the line", n)
	}
	f.comp.reading = cgroup.Reading{Measure: 60 * mib, Cache: 50 * mib, MeasureFromCurrent: 60 * mib}
	f.backUp(false)
	if n := f.comp.readings(); n != 1 || !f.raised() {
		t.Errorf("%d readings with cache over the line, raised %v", n, f.raised())
	}
	f.comp.reading = cgroup.Reading{Measure: 60 * mib}
	f.backUp(false)
	if n := f.comp.readings(); n != 2 {
		t.Errorf("%d readings while the wire is raised", n)
	}
}
