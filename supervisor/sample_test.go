package supervisor

import (
	"context"
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
			next := f.sample(tt.enforced)
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

// A run that is gone is no reason to hurry.
func TestSampleOfWhatIsGone(t *testing.T) {
	f := newFakeRun(t, false, nil)
	f.comp.err = cgroup.ErrGone
	if next := f.sample(false); next != programs.SampleMost || len(f.posted) != 0 {
		t.Errorf("again after %v, posted %+v", next, f.posted)
	}
}

// The sampler looks as often as the most urgent run wants, and ends with its context.
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
		time.Sleep(10 * programs.SampleCalm)
		synctest.Wait()
		if n := f.comp.readings(); n != 12 {
			t.Errorf("%d readings, want ten more", n)
		}
		cancel()
		<-ended
	})
}

// What is in swap grows there without an event: it is looked at more often.
func TestSwapIsLookedAtOften(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.reading = cgroup.Reading{Measure: 50 * mib, Swap: 1}
	if next := f.sample(true); next != programs.SampleCalm {
		t.Errorf("again after %v, want %v", next, programs.SampleCalm)
	}
}

// What cannot be over its line is not read in full; a wire that was raised by
// page cache is, so that it comes down again when the cache has gone.
func TestBackUpReadsWhatMayBeOver(t *testing.T) {
	f := newFakeRun(t, true, func(p *conf.Program) { p.Recycle.MaxMemory = 100 * mib })
	f.most = 150 * mib // what it has used at most, page cache included, is no news
	f.comp.reading = cgroup.Reading{Measure: 99 * mib}
	f.sample(true)
	if n := f.comp.readings(); n != 0 {
		t.Errorf("%d readings below the line", n)
	}
	f.comp.reading = cgroup.Reading{Measure: 60 * mib, Cache: 50 * mib, MeasureFromCurrent: 60 * mib}
	f.sample(true)
	if n := f.comp.readings(); n != 1 || !f.raised() {
		t.Errorf("%d readings with cache over the line, raised %v", n, f.raised())
	}
	f.comp.reading = cgroup.Reading{Measure: 60 * mib}
	f.sample(true)
	if n := f.comp.readings(); n != 2 {
		t.Errorf("%d readings while the wire is raised", n)
	}
}
