package supervisor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

func (w *world) ended() bool {
	select {
	case <-w.loop.done:
		return true
	default:
		return false
	}
}

// A second request kills what still runs, in every batch.
func TestSecondRequestHurries(t *testing.T) {
	db := worker("db", 1, func(p *conf.Program) { p.Priority = 1 })
	c := join(db, worker("queue", 2, nil))
	within(t, c, func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		w.loop.post(endRequest{})
		w.after(time.Second)
		if log := w.edge.only("kill", w.edge.log()); len(log) != 0 {
			t.Errorf("after one request: %q", log)
		}
		w.loop.post(endRequest{})
		w.after(100 * time.Millisecond)
		log := w.edge.log()
		slices.Sort(log)
		equal(t, "asked", log, []string{"kill db/1", "kill queue_00/1", "kill queue_01/1", "release db/1", "release queue_00/1", "release queue_01/1"})
		if !w.ended() {
			t.Error("the loop has not ended")
		}
		equal(t, "told", w.kinds("supervisor"), []string{"shutting down", "shutting down at once: what still runs is killed", "everything is stopped, ending"})
	})
}

// What waits in the backoff is not started any more, and holds up nothing.
func TestShutdownEndsTheBackoff(t *testing.T) {
	prepare := func(e *fakeEdge) { e.refuse = func(ref) error { return errors.New("no such file") } }
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(20 * time.Second)
		if s := w.state("queue"); s != "BACKOFF" {
			t.Fatalf("%s", s)
		}
		w.loop.post(endRequest{})
		w.after(0)
		if !w.ended() {
			t.Error("the loop has not ended")
		}
	})
}

// A start that is under way is waited for, then stopped.
func TestShutdownWaitsForABirth(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.boot = 5 * time.Second }, func(w *world) {
		w.after(time.Second)
		w.loop.post(endRequest{})
		w.after(3 * time.Second)
		if w.ended() {
			t.Fatal("ended with a start under way")
		}
		w.after(2 * time.Second)
		equal(t, "asked", w.edge.log(), []string{"spawn queue/1", "lift queue/1", "signal queue/1 terminated", "release queue/1"})
		if !w.ended() {
			t.Error("the loop has not ended")
		}
	})
}

// While it ends nothing is taken any more but another request to end.
func TestOrdersDuringAShutdown(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = 5 * time.Second }, func(w *world) {
		w.after(2 * time.Second)
		if info := w.d.Info(); info.State == "SHUTDOWN" {
			t.Errorf("%+v", info)
		}
		w.do(control.Order{Verb: "shutdown"})
		if info := w.d.Info(); info.State != "SHUTDOWN" {
			t.Errorf("%+v", info)
		}
		w.d.read = func() (*conf.Config, error) { return worker("queue", 3, nil), nil }
		for _, verb := range []string{"start", "restart", "scale", "update"} {
			_, err := w.d.Do(w.ctx, control.Order{Verb: verb, Names: []string{"queue"}})
			var e *control.Error
			if !errors.As(err, &e) || e.Fault != control.ShuttingDown {
				t.Errorf("%s: %v", verb, err)
			}
		}
		w.do(control.Order{Verb: "shutdown"}) // the second hurries
		w.after(10 * time.Millisecond)
		if !w.ended() {
			t.Error("the loop has not ended")
		}
	})
}
