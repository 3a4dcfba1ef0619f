package supervisor

import (
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// Of many that are started at once only so many begin as the host has memory for what
// they are known to need; the others follow while there is room.
func TestStartsWaitForEachOther(t *testing.T) {
	c := join(worker("db", 1, func(p *conf.Program) { p.Process.OOMScoreAdj = -500 }), worker("crew", 10, nil))
	c.Host.Pressure = conf.Pressure{Hold: conf.Rung{Below: 100 << 20}, Relief: 10 * time.Second}
	within(t, c, func(e *fakeEdge) { e.host.Store(hostReading{available: 500 << 20}) }, func(w *world) {
		w.after(time.Second)
		same(t, "not known", len(w.edge.only("spawn", w.edge.log())), 11)
		for _, in := range w.loop.programs["crew"].instances[:2] {
			w.loop.post(used{ref{in, 1}, 100 << 20})
		}
		w.do(control.Order{Verb: "stop", Names: []string{"crew:*", "db"}})
		w.edge.log()
		w.do(control.Order{Verb: "start", Names: []string{"crew:*", "db"}})
		same(t, "at once", len(w.edge.only("spawn", w.edge.log())), 1+4)
		if s := w.status("crew:crew_09").fresh("", time.Now()); s.State != "BACKOFF" || !s.HeldBack {
			t.Errorf("%s %s", s.State, s.Description)
		}
		w.available(280) // they have taken less than they might
		w.after(programs.Settling)
		same(t, "then", len(w.edge.only("spawn", w.edge.log())), 1)
		w.available(10 << 10)
		w.after(2 * programs.Settling)
		same(t, "at last", len(w.edge.only("spawn", w.edge.log())), 5)
		if w.loop.short.next != 0 {
			t.Error("it looks for ever")
		}
	})
}

// What runs already is not held by others that start, and the next run of what was does
// not wait.
func TestNextRunWaitsForNobody(t *testing.T) {
	c := worker("crew", 4, nil)
	c.Host.Pressure = conf.Pressure{Hold: conf.Rung{Below: 100 << 20}, Relief: 10 * time.Second}
	within(t, c, func(e *fakeEdge) { e.host.Store(hostReading{available: 210 << 20}) }, func(w *world) {
		w.after(time.Second)
		w.loop.post(used{ref{w.loop.programs["crew"].instances[0], 1}, 100 << 20})
		w.do(control.Order{Verb: "stop", Names: []string{"crew:crew_00"}})
		w.edge.log()
		w.do(control.Order{Verb: "start", Names: []string{"crew:*"}})
		w.do(control.Order{Verb: "recycle", Names: []string{"crew:crew_02"}})
		w.after(time.Second)
		equal(t, "runs", w.edge.only("spawn", w.edge.log()), []string{"spawn crew_00/2", "spawn crew_02/2"})
		for _, s := range w.statuses() {
			if s.State != "RUNNING" {
				t.Errorf("%s is %s", s.Name, s.State)
			}
		}
	})
}
