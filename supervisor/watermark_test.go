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
		equal(t, "then", w.edge.only("spawn", w.edge.log()), []string{"spawn hoard/3"})
	})
}
