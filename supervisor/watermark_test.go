package supervisor

import (
	"testing"
	"time"

	"bulkhead/conf"
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
