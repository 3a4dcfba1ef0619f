package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

func TestStartsAndStops(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(500 * time.Millisecond)
		if s := w.state("queue:queue_00"); s != "STARTING" {
			t.Errorf("before startsecs: %s", s)
		}
		w.after(time.Second)
		if s := w.state("queue:queue_01"); s != "RUNNING" {
			t.Errorf("after startsecs: %s", s)
		}
		w.edge.log()
		out := w.do(control.Order{Verb: "stop", Names: []string{"queue:*"}})
		if len(out) != 2 || out[0].Done != "stopped" || out[1].Fault != "" {
			t.Errorf("stop: %+v", out)
		}
		log := w.edge.log()
		equal(t, "signals", w.edge.only("signal", log), []string{"signal queue_00/1 terminated", "signal queue_01/1 terminated"})
		if r := w.status("queue:queue_00").LastReason; r == nil || r.Kind != "stopped" {
			t.Errorf("reason %+v", r)
		}
		w.after(time.Hour)
		if log := w.edge.log(); len(log) != 0 {
			t.Errorf("a stopped instance is left alone, but: %q", log)
		}
	})
}

// A Laravel worker that recycles itself is never a failure, however short it lived.
func TestOwnRecyclesNeverBackOff(t *testing.T) {
	prepare := func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) {
			time.AfterFunc(300*time.Millisecond, func() {
				post(jobsDone{ref: r, count: 1})
				e.exit(r, programs.Exit{Code: 12 * int(r.n%2)}, false)
			})
		}
	}
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(time.Minute)
		v := w.status("queue")
		if v.Recycles < 190 || v.Restarts != 0 {
			t.Errorf("%d recycles, %d restarts in a minute of 0.3 s lives", v.Recycles, v.Restarts)
		}
	})
}

// One that has nothing to do and says so at once is paced, not spun.
func TestIdleRecyclesArePaced(t *testing.T) {
	prepare := func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) { e.exit(r, programs.Exit{}, false) }
	}
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(time.Minute)
		if n := w.status("queue").Recycles; n < 50 || n > 65 {
			t.Errorf("%d starts in a minute, want one a second", n)
		}
	})
}

func TestCrashesBackOff(t *testing.T) {
	var births []time.Duration
	start := time.Time{}
	prepare := func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) {
			if start.IsZero() {
				start = time.Now()
			}
			births = append(births, time.Since(start).Round(time.Second))
			time.AfterFunc(5*time.Second, func() { e.exit(r, programs.Exit{Code: 1}, false) })
		}
	}
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(150 * time.Second)
		// 5 s of life each, then 0, 1, 2, 4 … s of wait.
		want := []time.Duration{0, 5, 11, 18, 27, 40, 61, 98}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(births, want) {
			t.Errorf("births %v, want %v", births, want)
		}
	})
}

func TestSpawnFailureIsToldAndRetried(t *testing.T) {
	prepare := func(e *fakeEdge) {
		e.refuse = func(r ref) error {
			if r.n < 3 {
				return errors.New(`cannot start "php": chdir to "/srv": no such file or directory`)
			}
			return nil
		}
	}
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(100 * time.Millisecond)
		v := w.status("queue")
		if v.State != "BACKOFF" || v.LastReason.Kind != "spawn_failed" || v.LastReason.Detail == "" {
			t.Errorf("%s %+v", v.State, v.LastReason)
		}
		w.after(10 * time.Second)
		if s := w.state("queue"); s != "RUNNING" {
			t.Errorf("after two failures: %s", s)
		}
	})
}

// A retry shows as what it is about, for as long as there is no process: a slow host
// must not show STARTING of what is not there. A start that somebody asked for does.
func TestRetryOfAFailedSpawnIsShownAsBackoff(t *testing.T) {
	const slow = 400 * time.Millisecond
	prepare := func(e *fakeEdge) {
		e.boot = slow
		e.refuse = func(r ref) error {
			if r.n == 2 {
				return nil
			}
			return errors.New("can't find command")
		}
		e.script = func(r ref, post func(any)) { e.exit(r, programs.Exit{Code: 1}, false) }
	}
	within(t, worker("queue", 1, func(p *conf.Program) { p.StartRetries = 3 }), prepare, func(w *world) {
		tell := func() string { v := w.status("queue"); return fmt.Sprint(v.State, " ", v.Run) }
		w.after(slow / 2)
		same(t, "the first try", tell(), "STARTING 1")
		w.after(slow/2 + time.Second + slow/2) // its failure, a second of waiting, and half of the next try
		same(t, "the retry, before it has a process", tell(), "BACKOFF 2")
		w.after(slow/2 + 2*time.Second + slow/2) // that one had a process, which crashed
		same(t, "a retry after a crash", tell(), "STARTING 3")
		w.after(slow)
		same(t, "the retry has failed", tell(), "BACKOFF 3")
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
		go w.d.Do(w.ctx, control.Order{Verb: "start", Names: []string{"queue"}})
		w.after(slow / 2)
		same(t, "a start that was asked for", tell(), "STARTING 4")
		w.after(slow)
	})
}

func TestStartRetriesEndInFatal(t *testing.T) {
	c := worker("web", 1, func(p *conf.Program) { p.StartRetries = 3; p.RecycleCodes = nil })
	prepare := func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) { e.exit(r, programs.Exit{Code: 1}, false) }
	}
	within(t, c, prepare, func(w *world) {
		w.after(20 * time.Second)
		if s := w.state("web"); s != "FATAL" {
			t.Errorf("after four failed starts: %s", s)
		}
		if n := len(w.edge.only("spawn", w.edge.log())); n != 4 {
			t.Errorf("%d spawns, want 4 (startretries 3)", n)
		}
	})
}

// A stop that is ignored ends in cgroup.kill, and the instance is not stopped
// before the kernel says so.
func TestStopEscalates(t *testing.T) {
	prepare := func(e *fakeEdge) { e.finish = -1 }
	within(t, worker("queue", 1, nil), prepare, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		out := w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
		if out[0].Done != "stopped" {
			t.Errorf("%+v", out)
		}
		equal(t, "asked", w.edge.log(), []string{"lift queue/1", "signal queue/1 terminated", "kill queue/1", "release queue/1"})
		if k := w.status("queue").LastReason.Kind; k != "stop_timeout" {
			t.Errorf("reason %s", k)
		}
	})
}

// What outlives the main process gets SIGTERM, then the kill, and only then is
// the run over.
func TestLeftoversAreEnded(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		r := w.ref("queue")
		w.edge.finish = -1
		w.edge.exit(r, programs.Exit{Code: 1}, true)
		w.after(time.Second)
		if s := w.state("queue"); s != "STOPPING" {
			t.Errorf("with processes left: %s", s)
		}
		equal(t, "asked", w.edge.log(), []string{"signal queue/1 terminated"})
		w.after(1100 * time.Millisecond)
		equal(t, "asked", w.edge.log(), []string{"kill queue/1", "release queue/1", "spawn queue/2"})
	})
}

// Facts about a run that is no more change nothing.
func TestStaleFactsAreIgnored(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		old := w.ref("queue")
		w.do(control.Order{Verb: "restart", Names: []string{"queue"}})
		w.edge.log()
		for _, e := range []any{exited{ref: old, exit: programs.Exit{Code: 1}}, emptied{old}, crossed{ref: old}, ready{old}, jobsDone{ref: old, count: 9}, overLimit{ref: old}, stuck{old}} {
			w.loop.post(e)
		}
		w.after(time.Minute)
		if log := w.edge.log(); len(log) != 0 {
			t.Errorf("stale facts had an effect: %q", log)
		}
		if v := w.status("queue"); v.State != "RUNNING" || v.JobsDone != 0 || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
}

func TestRecycleByJobsWaitsForItsTurn(t *testing.T) {
	c := worker("queue", 4, func(p *conf.Program) { p.Recycle.MaxJobs = 10; p.Recycle.Parallel = 2 })
	within(t, c, nil, func(w *world) {
		w.after(20 * time.Second)
		w.edge.log()
		w.edge.finish = 5 * time.Second
		var all []ref
		for _, n := range []string{"queue_00", "queue_01", "queue_02", "queue_03"} {
			all = append(all, w.ref("queue:"+n))
		}
		for _, r := range all {
			w.loop.post(jobsDone{ref: r, count: 10})
		}
		w.after(time.Second)
		if n := len(w.edge.only("signal", w.edge.log())); n != 2 {
			t.Errorf("%d recycle at once, want parallel = 2", n)
		}
		w.after(5 * time.Second) // the first two are gone, their successors not up yet
		if n := len(w.edge.only("signal", w.edge.log())); n != 0 {
			t.Errorf("%d more asked to end before the first two were replaced", n)
		}
		w.after(20 * time.Second)
		for _, n := range []string{"queue_00", "queue_01", "queue_02", "queue_03"} {
			v := w.status("queue:" + n)
			if v.State != "RUNNING" || v.Run != 2 || v.LastReason.Detail != "max_jobs" || v.LastReason.Kind != "recycled" {
				t.Errorf("%s: %s run %d %+v", n, v.State, v.Run, v.LastReason)
			}
		}
	})
}

// With overlap and room the pool is never short of a ready worker.
func TestOverlapKeepsThePoolWhole(t *testing.T) {
	c := worker("queue", 8, func(p *conf.Program) { p.Recycle.Overlap = true; p.StartSecs = 3 * time.Second })
	within(t, c, func(e *fakeEdge) { e.boot = 500 * time.Millisecond; e.finish = 7 * time.Second }, func(w *world) {
		w.after(time.Minute)
		ready := map[ref]bool{}
		fewest := 8
		events, more := w.d.Events(w.ctx, 0)
		watch := func(e control.Event) {
			switch e.Kind {
			case "ready":
				ready[ref{n: e.Run, in: w.ref(e.Name).in}] = true
			case "stopping", "ended":
				delete(ready, ref{n: e.Run, in: w.ref(e.Name).in})
				fewest = min(fewest, len(ready))
			}
		}
		for _, e := range events {
			watch(e)
		}
		fewest = 8
		out := w.do(control.Order{Verb: "restart", Names: []string{"queue:*"}, Roll: true})
		for _, o := range out {
			if o.Done != "restarted" {
				t.Errorf("%+v", o)
			}
		}
		for len(more) > 0 {
			watch(<-more)
		}
		if fewest != 8 {
			t.Errorf("the pool went down to %d ready workers", fewest)
		}
		if w.edge.most["queue"] != 9 {
			t.Errorf("%d runs at once, want 8 and one replacement", w.edge.most["queue"])
		}
	})
}

func TestNoRoomNoOverlap(t *testing.T) {
	c := worker("queue", 2, func(p *conf.Program) { p.Recycle.Overlap = true })
	within(t, c, func(e *fakeEdge) { e.free = programs.Room{Need: 2, HostFree: 1, ProgramFree: -1} }, func(w *world) {
		w.after(time.Minute)
		w.do(control.Order{Verb: "recycle", Names: []string{"queue:*"}})
		if w.edge.most["queue"] != 2 {
			t.Errorf("%d runs at once without room for a third", w.edge.most["queue"])
		}
	})
}

func TestCrossingIsRecycledAtOnce(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory = 100 })
	within(t, c, nil, func(w *world) {
		w.after(time.Minute)
		w.edge.log()
		r := w.ref("queue")
		w.loop.post(jobsDone{ref: r, count: 1})
		w.loop.post(crossed{ref: r, measure: 101})
		w.after(0)
		if log := w.edge.log(); len(log) < 2 || log[0] != "lift queue/1" || !slices.Contains(log, "signal queue/1 terminated") {
			t.Errorf("asked %q", log)
		}
		w.after(2 * time.Second)
		if v := w.status("queue"); v.Recycles != 1 || v.LastReason.Detail != "max_memory" {
			t.Errorf("%+v", v.LastReason)
		}
	})
}

// Over the line right after its start: said once, and left running.
func TestOutgrownIsLeftRunning(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory = 100 })
	within(t, c, nil, func(w *world) {
		w.after(2 * time.Second)
		for range 5 {
			w.loop.post(crossed{ref: w.ref("queue"), measure: 101})
			w.after(time.Minute)
		}
		events, _ := w.d.Events(w.ctx, 0)
		told := 0
		for _, e := range events {
			if e.Kind == "outgrown" {
				told++
			}
		}
		if v := w.status("queue"); told != 1 || v.Recycles != 0 || v.Run != 1 {
			t.Errorf("told %d times, %d recycles, run %d", told, v.Recycles, v.Run)
		}
	})
}

func TestScaleTouchesOnlyTheDifference(t *testing.T) {
	within(t, worker("queue", 3, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		p := w.loop.programs["queue"]
		next := worker("queue", 5, nil)
		q := &rereadRequest{config: next, apply: true, diff: make(chan conf.Changes, 1)}
		w.loop.post(q)
		w.after(2 * time.Second)
		equal(t, "spawned", w.edge.only("spawn", w.edge.log()), []string{"spawn queue_03/1", "spawn queue_04/1"})
		fewer := worker("queue", 2, nil)
		w.loop.post(&rereadRequest{config: fewer, apply: true, diff: make(chan conf.Changes, 1)})
		w.after(2 * time.Second)
		log := w.edge.log()
		stopped := w.edge.only("signal", log)
		slices.Sort(stopped)
		equal(t, "stopped", stopped, []string{"signal queue_02/1 terminated", "signal queue_03/1 terminated", "signal queue_04/1 terminated"})
		if len(p.instances) != 2 || w.status("queue:queue_00").Run != 1 {
			t.Errorf("%d instances left, run %d of the first", len(p.instances), w.status("queue:queue_00").Run)
		}
	})
}

func TestRemovedProgramIsForgotten(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.loop.post(&rereadRequest{config: &conf.Config{}, apply: true, diff: make(chan conf.Changes, 1)})
		w.after(2 * time.Second)
		if snap, _ := w.loop.publish.get(); len(snap.views) != 0 || len(w.loop.programs) != 0 {
			t.Errorf("%d instances, %d programs left", len(snap.views), len(w.loop.programs))
		}
	})
}

func TestShutdownGoesByPriority(t *testing.T) {
	first := worker("db", 1, func(p *conf.Program) { p.Priority = 1 })
	second := worker("queue", 2, func(p *conf.Program) { p.Priority = 10 })
	third := worker("mail", 1, func(p *conf.Program) { p.Priority = 10 })
	c := &conf.Config{Programs: append(append(first.Programs, second.Programs...), third.Programs...)}
	within(t, c, func(e *fakeEdge) { e.finish = 3 * time.Second }, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		w.loop.post(endRequest{})
		w.after(time.Second)
		log := w.edge.only("signal", w.edge.log())
		slices.Sort(log)
		equal(t, "first batch", log, []string{"signal mail/1 terminated", "signal queue_00/1 terminated", "signal queue_01/1 terminated"})
		w.after(2100 * time.Millisecond)
		equal(t, "second batch", w.edge.only("signal", w.edge.log()), []string{"signal db/1 terminated"})
		w.after(5 * time.Second)
		select {
		case <-w.loop.done:
		default:
			t.Error("the loop has not ended")
		}
	})
}

func TestPauseIsUndoneBeforeAStop(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.PauseSignal, p.ResumeSignal = syscall.SIGUSR2, syscall.SIGCONT })
	within(t, c, nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		if out := w.do(control.Order{Verb: "pause", Names: []string{"queue"}}); out[0].Done != "paused" || !w.status("queue").Paused {
			t.Errorf("%+v", out)
		}
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
		equal(t, "signals", w.edge.only("signal", w.edge.log()),
			[]string{"signal queue/1 user defined signal 2", "signal queue/1 continued", "signal queue/1 terminated"})
	})
}

func TestOrderFaults(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		for _, tt := range []struct {
			order control.Order
			want  control.Fault
		}{
			{control.Order{Verb: "start", Names: []string{"queue"}}, control.AlreadyStarted},
			{control.Order{Verb: "start", Names: []string{"nope"}}, control.BadName},
			{control.Order{Verb: "stop", Names: []string{"nope:*"}}, control.BadGroup},
			{control.Order{Verb: "signal", Names: []string{"queue"}, Signal: "NONSENSE"}, control.BadSignal},
			{control.Order{Verb: "pause", Names: []string{"queue"}}, control.Failed},
		} {
			if out := w.do(tt.order); len(out) != 1 || out[0].Fault != tt.want {
				t.Errorf("%s %v: %+v, want %s", tt.order.Verb, tt.order.Names, out, tt.want)
			}
		}
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
		for _, verb := range []string{"stop", "recycle", "signal"} {
			o := control.Order{Verb: verb, Names: []string{"queue"}}
			if verb == "signal" {
				o.Signal = "HUP"
			}
			if out := w.do(o); out[0].Fault != control.NotRunning {
				t.Errorf("%s of a stopped instance: %+v", verb, out)
			}
		}
	})
}

// A program that comes back before it was gone is the same one: nothing of it
// is forgotten while it still runs.
func TestRemovedAndAddedAgain(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = 5 * time.Second }, func(w *world) {
		w.after(2 * time.Second)
		apply := func(c *conf.Config) {
			w.loop.post(&rereadRequest{config: c, apply: true, diff: make(chan conf.Changes, 1)})
			w.after(time.Second)
		}
		apply(&conf.Config{})
		if s := w.state("queue"); s != "STOPPING" {
			t.Fatalf("removed: %s", s)
		}
		apply(worker("queue", 1, nil))
		w.edge.log()
		w.after(10 * time.Second)
		equal(t, "asked", w.edge.log(), []string{"release queue/1", "spawn queue/2"})
		if s := w.state("queue"); s != "RUNNING" {
			t.Errorf("added again: %s", s)
		}
	})
}

// slowMemory takes its time, as a machine under load does.
type slowMemory struct{ noMemory }

func (slowMemory) Put(string, any) { time.Sleep(2 * time.Second) }

// A deadline that passes while the loop is busy is not forgotten.
func TestDeadlinePassesMeanwhile(t *testing.T) {
	withinPast(t, worker("queue", 1, nil), func(l *loop) { l.memory = slowMemory{} }, nil, func(w *world) {
		w.after(time.Minute)
		if s := w.state("queue"); s != "RUNNING" {
			t.Errorf("a minute after its start it is %s", s)
		}
	})
}
