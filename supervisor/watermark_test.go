package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
)

// A service is recycled at its watermark, once per cooldown, and nobody else is.
func TestRecycledAtTheWatermark(t *testing.T) {
	c := join(worker("hoard", 1, func(p *conf.Program) {
		p.Recycle.WhenAvailableBelow, p.Recycle.Cooldown, p.Recycle.MinLifetime = 100<<20, time.Minute, 0
	}), worker("other", 1, nil))
	within(t, c, nil, func(w *world) {
		w.after(5 * time.Second)
		w.edge.log()
		w.loop.post(available{100 << 20})
		w.after(5 * time.Second)
		same(t, "asked at the line", len(w.edge.log()), 0)
		for range 11 {
			w.loop.post(available{99 << 20})
			w.after(5 * time.Second)
		}
		equal(t, "in a minute", w.edge.only("spawn", w.edge.log()), []string{"spawn hoard/2"})
		if r := w.status("hoard").LastReason; r == nil || r.Kind != "recycled" || r.Detail != "host" {
			t.Errorf("%+v", r)
		}
		w.after(5 * time.Second)
		w.loop.post(available{99 << 20})
		w.after(5 * time.Second)
		if all := w.loop.rememberAll(); all[keyRelieved+"hoard"] != w.loop.programs["hoard"].relieved || all[keyRelieved+"other"] != nil {
			t.Errorf("remembered %v", all[keyRelieved+"hoard"])
		}
		equal(t, "then", w.edge.only("spawn", w.edge.log()), []string{"spawn hoard/3"})
	})
}

// The cooldown goes on under the next supervisor, unless nothing of the program does.
func TestCooldownOutlivesACrash(t *testing.T) {
	for _, running := range []bool{true, false} {
		c := worker("hoard", 1, func(p *conf.Program) {
			p.Recycle.WhenAvailableBelow, p.Recycle.Cooldown, p.Recycle.MinLifetime = 100<<20, time.Minute, 0
		})
		within(t, c, nil, func(w *world) {
			w.after(5 * time.Second)
			w.loop.recallRelieved(past{running: running, relieved: map[string]time.Duration{"hoard": w.loop.now() - time.Second, "gone": 1}})
			w.edge.log()
			w.loop.post(available{1})
			w.after(5 * time.Second)
			same(t, "asked in the cooldown", len(w.edge.log()) == 0, running)
		})
	}
}

// What takes all of the host's memory in the time between two rounds, as they come when nothing
// happens, is noticed while there is some left, whenever it is started.
func TestNoticedInTimeAfterAStart(t *testing.T) {
	const host, rate = 1800 * mib, 130 * mib // bytes, and bytes a second: 14 s
	for phase := time.Second; phase < 2*programs.SampleMost; phase += time.Second {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeRun(t, true, nil)
			h := f.host
			h.near.Store(300 * mib)
			began := time.Now()
			available := func() int64 { return host - max(0, int64(rate*(time.Since(began)-phase).Seconds())) }
			time.AfterFunc(phase, func() { h.bore(time.Now()) })
			h.sampleSoon()
			for time.Since(began) < time.Minute {
				h.alarm.wait()
				r := hostReading{memory: meminfo{total: host, available: available()}, available: available()}
				h.alarm.within(h.round(r, nil))
				for _, e := range f.posted {
					if r, ok := e.(hostReading); ok {
						if r.available < 50*mib {
							t.Errorf("started after %v: noticed with %d MiB left", phase, r.available/mib)
						}
						return
					}
				}
			}
			t.Errorf("started after %v: not noticed", phase)
		})
	}
}
