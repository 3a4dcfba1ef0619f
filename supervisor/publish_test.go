package supervisor

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

func TestPublisherWakesEverybody(t *testing.T) {
	p := newPublisher()
	_, first := p.get()
	_, second := p.get()
	next := &snapshot{ending: true}
	p.put(next)
	for _, c := range []<-chan struct{}{first, second} {
		select {
		case <-c:
		default:
			t.Error("somebody who waits was not woken")
		}
	}
	got, later := p.get()
	if got != next {
		t.Error("not the newest snapshot")
	}
	select {
	case <-later:
		t.Error("woken before anything has changed")
	default:
	}
}

// What was published stays as it was: only the instances that changed get a
// new view, in a new snapshot.
func TestSnapshotsAreNotChanged(t *testing.T) {
	within(t, worker("queue", 3, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		before, _ := w.loop.publish.get()
		views := append([]*view(nil), before.views...)
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
		after, _ := w.loop.publish.get()
		for i, v := range before.views {
			if v != views[i] || v.State != "RUNNING" {
				t.Errorf("%s of the old snapshot: %s", v.Name, v.State)
			}
			if same := after.views[i] == v; same != (i != 1) {
				t.Errorf("%s: same view %v", v.Name, same)
			}
		}
		if after.get("queue:queue_01").State != "STOPPED" || after.get("nope") != nil {
			t.Error("not found by name")
		}
		// Nothing happens, nothing is published.
		w.loop.post(note{})
		w.after(time.Minute)
		if again, _ := w.loop.publish.get(); again != after {
			t.Error("published without a change")
		}
	})
}

func TestLevels(t *testing.T) {
	ended := func(kind string) control.Event {
		return control.Event{Kind: "ended", Reason: &control.Reason{Kind: kind}}
	}
	for _, tt := range []struct {
		e    control.Event
		want zapcore.Level
	}{
		{control.Event{Kind: "ready"}, zap.DebugLevel},
		{control.Event{Kind: "tripwire_moved"}, zap.DebugLevel},
		{control.Event{Kind: "state", To: "RUNNING"}, zap.InfoLevel},
		{control.Event{Kind: "state", To: "BACKOFF"}, zap.InfoLevel},
		{control.Event{Kind: "state", To: "FATAL"}, zap.WarnLevel},
		{control.Event{Kind: "recycle_due"}, zap.InfoLevel},
		{control.Event{Kind: "tripwire"}, zap.InfoLevel},
		{control.Event{Kind: "unkillable"}, zap.WarnLevel},
		{control.Event{Kind: "outgrown"}, zap.WarnLevel},
		{control.Event{Kind: "trouble"}, zap.WarnLevel},
		{ended("recycled"), zap.InfoLevel}, {ended("stopped"), zap.InfoLevel}, {ended("exited"), zap.InfoLevel},
		{ended("crashed"), zap.WarnLevel}, {ended("oom_killed"), zap.WarnLevel}, {ended("killed"), zap.WarnLevel},
		{ended("stop_timeout"), zap.WarnLevel}, {ended("spawn_failed"), zap.WarnLevel}, {ended("unhealthy"), zap.WarnLevel},
	} {
		core, logged := observer.New(zap.DebugLevel)
		l := newLoop(&conf.Config{}, newFakeEdge(), zap.New(core), newJournal())
		l.event(nil, 0, tt.e)
		if all := logged.All(); len(all) != 1 || all[0].Level != tt.want {
			t.Errorf("%s %s %+v: %+v, want %v", tt.e.Kind, tt.e.To, tt.e.Reason, all, tt.want)
		}
		if old, _ := l.journal.follow(t.Context(), 0); len(old) != 1 || old[0].At.IsZero() {
			t.Errorf("%s: journal %+v", tt.e.Kind, old)
		}
	}
}

// TestTold is what a user reads of a day of one instance, in order.
func TestTold(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = 100*mib, 200*mib })
	within(t, c, nil, func(w *world) {
		var told []string
		since := uint64(0)
		look := func() []string {
			w.after(0)
			told = nil
			events, _ := w.d.Events(w.ctx, since)
			for _, e := range events {
				since = e.Serial
				told = append(told, e.Kind+": "+e.Message)
			}
			return told
		}
		w.after(time.Minute)
		equal(t, "a start", look(), []string{"state: STOPPED -> STARTING", "ready: is up", "state: STARTING -> RUNNING"})

		r := w.ref("queue")
		w.loop.post(wireMoved{r, 141 * mib, 40 * mib})
		w.loop.post(jobsDone{ref: r, count: 1})
		for range 3 { // told once
			w.loop.post(crossed{r, 101 * mib, false})
		}
		w.after(2 * time.Second)
		equal(t, "a recycle", look(), []string{
			"tripwire_moved: 40M of page cache, not the program's: tripwire now at 141M",
			"tripwire: over max_memory: 101M of 100M, told by the kernel's tripwire",
			"recycle_due: a recycle is due: max_memory",
			"stopping: asked to end: recycle, max_memory",
			"state: RUNNING -> STOPPING",
			"ended: recycled: max_memory",
			"state: STOPPING -> STARTING",
			"ready: is up",
			"state: STARTING -> RUNNING",
		})

		r = w.ref("queue")
		w.loop.post(crossed{r, 102 * mib, true})
		equal(t, "too young", look(), []string{
			"tripwire: over max_memory: 102M of 100M, told by sampling",
			"outgrown: over max_memory right after its start; a recycle would not help, so it is left running: raise max_memory",
		})

		w.loop.post(overLimit{r, 201 * mib})
		w.after(100 * time.Millisecond)
		equal(t, "over the limit", look(), []string{
			"over_limit: 201M is over memory_max 200M, told by sampling: killed",
			"state: RUNNING -> STOPPING",
			"ended: killed by bulkhead: over memory_max",
			"state: STOPPING -> STARTING",
		})

		w.loop.post(trouble{w.ref("queue"), "cannot set memory.high", errors.New("no")})
		w.loop.post(logTrouble{"/log", 5, errors.New("no space left on device")})
		w.loop.post(logTrouble{"/log", 9, nil})
		w.after(2 * time.Second)
		w.edge.finish = -1 // what is left ignores SIGTERM
		w.edge.exit(w.ref("queue"), programs.Exit{Code: 1}, true)
		equal(t, "trouble", look(), []string{
			"trouble: cannot set memory.high: no",
			`trouble: output to "/log" is being lost: no space left on device`,
			`trouble: output to "/log" is written again; 9 bytes were lost`,
			"ready: is up", "state: STARTING -> RUNNING",
			"leftovers: the main process ended, others of its cgroup did not: they got SIGTERM",
			"state: RUNNING -> STOPPING",
		})
	})
}

// A kill that does not help is told, once, not every second.
func TestUnkillableIsTold(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = -1; e.deaf.Store(true) }, func(w *world) {
		w.after(2 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}, NoWait: true})
		w.after(time.Minute)
		if n := len(w.kinds("unkillable")); n == 0 || n > 10 {
			t.Errorf("told %d times in a minute", n)
		}
		w.edge.deaf.Store(false)
		w.after(2 * time.Second)
	})
}
