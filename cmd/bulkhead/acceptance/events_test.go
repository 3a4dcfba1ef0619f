package acceptance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// recorder follows the event stream of a supervisor from its first event.
type recorder struct {
	mu   sync.Mutex
	all  []control.Event
	lost bool // the serials had a gap
	more chan struct{}
}

// record follows until ctx ends or the supervisor does.
func record(ctx context.Context, c *control.Client) *recorder {
	r := &recorder{more: make(chan struct{}, 1)}
	go func() {
		defer close(r.more)
		_ = c.Events(ctx, 0, true, func(e control.Event) error {
			r.mu.Lock()
			if n := len(r.all); n > 0 && e.Serial != r.all[n-1].Serial+1 {
				r.lost = true
			}
			r.all = append(r.all, e)
			r.mu.Unlock()
			select {
			case r.more <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	return r
}

// events are all so far.
func (r *recorder) events() []control.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[:len(r.all):len(r.all)]
}

// patience is how long a test waits for something that must come. It decides
// nothing: no machine is that slow.
const patience = 4 * time.Minute

// await returns once ok says yes to the events so far.
func (r *recorder) await(t *testing.T, what string, ok func([]control.Event) bool) {
	t.Helper()
	give := time.NewTimer(patience)
	defer give.Stop()
	for !ok(r.events()) {
		select {
		case _, open := <-r.more:
			if !open && !ok(r.events()) {
				t.Fatalf("the event stream ended while waiting for: %s", what)
			}
		case <-give.C:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// pick returns the events that ok says yes to.
func pick(all []control.Event, ok func(control.Event) bool) []control.Event {
	var out []control.Event
	for _, e := range all {
		if ok(e) {
			out = append(out, e)
		}
	}
	return out
}

// kindOf selects the events of a kind.
func kindOf(kind string) func(control.Event) bool {
	return func(e control.Event) bool { return e.Kind == kind }
}

// endedAs selects the ends of runs for a reason.
func endedAs(kind string) func(control.Event) bool {
	return func(e control.Event) bool { return e.Kind == "ended" && e.Reason.Kind == kind }
}

// first reports, for await, that an event like this is there.
func first(like func(control.Event) bool) func([]control.Event) bool {
	return atLeast(1, like)
}

// atLeast reports, for await, that so many events like this are there.
func atLeast(n int, like func(control.Event) bool) func([]control.Event) bool {
	return func(all []control.Event) bool { return len(pick(all, like)) >= n }
}
