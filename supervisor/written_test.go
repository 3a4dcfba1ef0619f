package supervisor

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// lateMemory takes its time.
type lateMemory struct {
	noMemory
	due *atomic.Bool // whether an instance whose recycle is asked for was put
}

func (m lateMemory) Put(_ string, v any) {
	time.Sleep(100 * time.Millisecond)
	if r, ok := v.(instanceRecord); ok && r.State.LastN == 1 && (r.State.Due != programs.NoWhy || r.State.Cur.Asked != programs.AskedNothing) {
		m.due.Store(true)
	}
}

type flushing func() error

func (f flushing) Flush(context.Context) error { return f() }

// An order is answered when what it has changed is written down, also one that is not
// waited for: a supervisor that is killed right after the answer has a successor that knows.
func TestAnsweredIsWrittenDown(t *testing.T) {
	var due atomic.Bool
	withinPast(t, worker("queue", 1, nil), func(l *loop) { l.memory = lateMemory{due: &due} }, nil, func(w *world) {
		w.after(time.Minute)
		flushed := false
		w.d.store = flushing(func() error {
			flushed = true
			if !due.Load() {
				t.Error("it is flushed before anything was put")
			}
			return nil
		})
		w.do(control.Order{Verb: "recycle", Names: []string{"queue"}, NoWait: true})
		same(t, "flushed", flushed, true)
	})
}
