package supervisor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/state"
)

// remains are what a supervisor that dies leaves behind: what it had written
// down, as JSON, and what runs.
type remains struct {
	docs map[string]json.RawMessage
	runs []found
	at   time.Duration // on the clock of the boot
}

// crash takes the remains of a world at this moment.
func (w *world) crash() remains {
	r := remains{docs: map[string]json.RawMessage{}, at: w.loop.now()}
	for key, v := range w.loop.rememberAll() {
		text, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		r.docs[key] = text
	}
	w.edge.mu.Lock()
	defer w.edge.mu.Unlock()
	for ref := range w.edge.live {
		r.runs = append(r.runs, found{program: ref.in.prog.conf.Name, instance: ref.in.conf.Name, run: ref.n, alive: true})
	}
	return r
}

// drop forgets documents, as a damaged file does.
func (r remains) drop(prefix string) remains {
	docs := map[string]json.RawMessage{}
	for key, v := range r.docs {
		if !strings.HasPrefix(key, prefix) {
			docs[key] = v
		}
	}
	r.docs = docs
	return r
}

// without leaves out what has ended meanwhile.
func (r remains) without(instance string) remains {
	r.runs = slices.DeleteFunc(slices.Clone(r.runs), func(f found) bool { return f.instance == instance })
	return r
}

// next is the world of the successor, which begins down later.
func (r remains) next(t *testing.T, c *conf.Config, down time.Duration, story func(w *world)) {
	t.Helper()
	r.nextWith(t, c, down, nil, story)
}

func (r remains) nextWith(t *testing.T, c *conf.Config, down time.Duration, prepare func(*fakeEdge), story func(w *world)) {
	t.Helper()
	p := readPast(state.Loaded{Documents: r.docs, BootID: "boot"}, "boot", c)
	if len(p.problems) > 0 {
		t.Errorf("problems: %v", p.problems)
	}
	withinPast(t, p.inForce(c), func(l *loop) {
		l.before = r.at + down
		l.self.Digest = "today's"
		l.takeover = func(l *loop) { l.resume(p, c) }
	}, func(e *fakeEdge) {
		e.past = r.runs
		if prepare != nil {
			prepare(e)
		}
	}, func(w *world) {
		w.after(0)
		story(w)
	})
}

// died runs a story that ends in a crash.
func died(t *testing.T, c *conf.Config, prepare func(*fakeEdge), story func(w *world)) (r remains) {
	t.Helper()
	within(t, c, prepare, func(w *world) {
		story(w)
		r = w.crash()
	})
	return r
}

func asked(w *world, prefix string) []string { return w.edge.only(prefix, w.edge.log()) }

func TestTakeOverRunning(t *testing.T) {
	c := worker("queue", 2, func(p *conf.Program) { p.Recycle.MaxAge = time.Minute })
	r := died(t, c, nil, func(w *world) {
		w.after(30 * time.Second)
		w.loop.post(jobsDone{w.ref("queue:queue_00"), 0, 7})
		w.after(time.Second)
	})
	r.next(t, c, 10*time.Second, func(w *world) {
		log := w.edge.log()
		equal(t, "started", w.edge.only("spawn", log), nil)
		equal(t, "adopted", w.edge.only("adopt", log), []string{"adopt queue_00/1", "adopt queue_01/1"})
		v := w.status("queue:queue_00")
		if v.State != "RUNNING" || v.JobsDone != 7 || v.Run != 1 {
			t.Errorf("%+v", v.Status)
		}
		w.after(17 * time.Second) // 58 s old
		equal(t, "before max_age", asked(w, "signal"), nil)
		w.after(5 * time.Second)
		if got := asked(w, "signal"); len(got) == 0 {
			t.Error("the age before the takeover does not count")
		}
	})
}

// What the successor reads of the output again is not counted again.
func TestTakeOverCountsJobsOnce(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, nil, func(w *world) {
		w.after(30 * time.Second)
		r := w.ref("queue")
		w.loop.post(jobsDone{r, 0, 7})
		w.loop.post(jobsDone{r, 0, 7})
		w.after(time.Second)
	})
	p := readPast(state.Loaded{Documents: r.docs, BootID: "boot"}, "boot", c)
	withinPast(t, c, func(l *loop) {
		l.before = r.at
		l.takeover = func(l *loop) { l.resume(p, c) }
	}, func(e *fakeEdge) { e.past, e.counted = r.runs, map[uint64]uint64{1: 9} }, func(w *world) {
		w.after(0)
		if n := w.status("queue").JobsDone; n != 9 {
			t.Errorf("%d jobs, want 9: two more were read and not written down", n)
		}
		r := w.ref("queue")
		w.loop.post(jobsDone{r, 0, 8})
		w.loop.post(jobsDone{r, 0, 10})
		w.after(0)
		if n := w.status("queue").JobsDone; n != 10 {
			t.Errorf("%d jobs, want 10", n)
		}
	})
}

func TestTakeOverKeepsWhatRests(t *testing.T) {
	c := worker("queue", 3, func(p *conf.Program) { p.StartRetries = -1 })
	r := died(t, c, func(e *fakeEdge) {
		e.script = func(r ref, post func(any)) {
			if r.in.conf.Name == "queue_02" {
				time.AfterFunc(100*time.Millisecond, func() { e.exit(r, programs.Exit{Code: 1}, false) })
			}
		}
	}, func(w *world) {
		w.after(20 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
		if s := w.state("queue:queue_02"); s != "BACKOFF" {
			t.Fatalf("queue_02 is %s", s)
		}
	})
	r.next(t, c, 0, func(w *world) {
		if s := w.state("queue:queue_01"); s != "STOPPED" {
			t.Errorf("stopped by order, and now %s", s)
		}
		if v := w.status("queue:queue_02"); v.State != "BACKOFF" || len(v.reasons) == 0 || v.reasons[0].Kind != "crashed" {
			t.Errorf("in BACKOFF, and now %s %+v", v.State, v.reasons)
		}
		equal(t, "started", asked(w, "spawn"), nil)
		w.after(2 * time.Minute)
		if got := asked(w, "spawn queue_02"); len(got) == 0 {
			t.Error("BACKOFF never ends")
		}
	})
}

// Two seconds before its deadline a stop is lost with its supervisor: whether
// the worker had its signal nobody knows, so it gets it, and its time.
func TestTakeOverRepeatsALostStop(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(5 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}, NoWait: true})
		w.after(8 * time.Second)
	})
	story := func(w *world) {
		log := w.edge.log()
		equal(t, "asked", slices.Concat(w.edge.only("signal", log), w.edge.only("kill", log)), []string{"signal queue/1 terminated"})
		w.after(10 * time.Millisecond)
		if s := w.state("queue"); s != "STOPPED" {
			t.Errorf("after the stop: %s", s)
		}
	}
	r.next(t, c, time.Second, story)
	r.next(t, c, time.Hour, story)
}

func TestTakeOverOfADeadRun(t *testing.T) {
	c := worker("queue", 2, func(p *conf.Program) { p.AutoRestart = conf.RestartUnexpected })
	r := died(t, c, nil, func(w *world) { w.after(30 * time.Second) })
	r.without("queue_01").next(t, c, time.Second, func(w *world) {
		v := w.status("queue:queue_01")
		if v.Run != 2 || v.LastReason == nil || v.LastReason.Kind != "unknown" {
			t.Errorf("%+v", v.Status)
		}
		if v := w.status("queue:queue_00"); v.Run != 1 {
			t.Errorf("the other: %+v", v.Status)
		}
	})
	once := worker("queue", 2, func(p *conf.Program) { p.AutoRestart = conf.RestartNever })
	r = died(t, once, nil, func(w *world) { w.after(30 * time.Second) })
	r.without("queue_01").next(t, once, time.Second, func(w *world) {
		if s := w.state("queue:queue_01"); s != "EXITED" {
			t.Errorf("what is not to be started again is %s", s)
		}
	})
}

// The state is lost, what runs is not.
func TestTakeOverWithoutMemory(t *testing.T) {
	c := worker("queue", 3, nil)
	r := died(t, c, nil, func(w *world) { w.after(30 * time.Second) })
	for _, lost := range []string{"", "instance/", "programs"} {
		r.drop(lost).without("queue_02").next(t, c, time.Second, func(w *world) {
			log := w.edge.log()
			equal(t, lost+": started", w.edge.only("spawn", log), []string{"spawn queue_02/" + map[bool]string{true: "2", false: "1"}[lost == "programs"]})
			w.after(2 * time.Second)
			for _, n := range []string{"queue:queue_00", "queue:queue_01", "queue:queue_02"} {
				if s := w.state(n); s != "RUNNING" {
					t.Errorf("%q lost: %s is %s", lost, n, s)
				}
			}
		})
	}
}

// A run that was started in the supervisor's last moment is known by what runs alone.
func TestTakeOverOfAnUnwrittenRun(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, nil, func(w *world) { w.after(30 * time.Second) })
	fresh := found{program: "queue", instance: "queue", run: 2, alive: true}
	alone := r.without("queue")
	alone.runs = append(alone.runs, fresh)
	alone.next(t, c, time.Second, func(w *world) { // its predecessor has ended
		w.after(time.Second)
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
		equal(t, "started", asked(w, "spawn"), nil)
	})
	both := r
	both.runs = append(slices.Clone(r.runs), fresh)
	both.next(t, c, time.Second, func(w *world) { // it was to replace it
		w.after(time.Second)
		log := w.edge.log()
		// Twice: when the second is found the first is not adopted yet, and no real edge hears it.
		equal(t, "asked to end", slices.Compact(w.edge.only("signal", log)), []string{"signal queue/1 terminated"})
		equal(t, "started", w.edge.only("spawn", log), nil)
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
	third := both
	third.runs = append(slices.Clone(both.runs), found{program: "queue", instance: "queue", run: 3, alive: true})
	third.next(t, c, time.Second, func(w *world) {
		if got := asked(w, "stray"); !slices.Equal(got, []string{"stray queue/3 stop=true"}) {
			t.Errorf("a third run of one instance: %q", got)
		}
	})
}

// A start that was asked for and never begun is begun under the same number; one
// that left a trace has been.
func TestTakeOverInTheMiddleOfAStart(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, func(e *fakeEdge) { e.boot = time.Hour }, func(w *world) { w.after(time.Second) })
	r.next(t, c, time.Second, func(w *world) {
		equal(t, "started", asked(w, "spawn"), []string{"spawn queue/1"})
	})
	r.runs = []found{{program: "queue", instance: "queue", run: 1, alive: true}}
	r.next(t, c, time.Second, func(w *world) {
		equal(t, "started", asked(w, "spawn"), nil)
		w.after(2 * time.Second)
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 1 {
			t.Errorf("%+v", v.Status)
		}
	})
	r.runs = []found{{program: "queue", instance: "queue", run: 1}}
	r.next(t, c, time.Second, func(w *world) {
		log := w.edge.log()
		equal(t, "started", w.edge.only("spawn", log), []string{"spawn queue/2"})
		equal(t, "cleared away", w.edge.only("stray", log), []string{"stray queue/1 stop=false"})
		if v := w.status("queue"); len(v.reasons) != 0 {
			t.Errorf("an end of what never was: %+v", v.reasons)
		}
	})
	r.runs = []found{{program: "queue", instance: "queue", run: 2, alive: true}}
	r.next(t, c, time.Second, func(w *world) { // what is remembered is older than what runs
		w.after(2 * time.Second)
		equal(t, "started beside its successor", asked(w, "spawn"), nil)
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
	once := worker("queue", 1, func(p *conf.Program) { p.AutoRestart = conf.RestartNever })
	r = died(t, once, func(e *fakeEdge) { e.boot = time.Hour }, func(w *world) { w.after(time.Second) })
	r.runs = []found{{program: "queue", instance: "queue", run: 1}}
	r.next(t, once, time.Second, func(w *world) {
		equal(t, "started a second time, perhaps", asked(w, "spawn"), nil)
	})
}

// An instance that was on its way out goes on its way: by its program's own
// rules, and is forgotten then.
func TestTakeOverOfWhatLeaves(t *testing.T) {
	c := worker("queue", 2, nil)
	other := worker("old", 1, nil)
	both := &conf.Config{Programs: slices.Concat(c.Programs, other.Programs)}
	r := died(t, both, func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(5 * time.Second)
		smaller := worker("queue", 1, func(p *conf.Program) { p.Instances[0].Name = "queue_00" })
		w.d.read = func() (*conf.Config, error) { return smaller, nil }
		if _, _, err := w.d.reread(w.ctx, true, nil); err != nil {
			t.Fatal(err)
		}
		w.after(time.Second)
	})
	story := func(w *world) {
		if s := w.state("queue:queue_01"); s != "STOPPING" {
			t.Errorf("it is %s", s)
		}
		if s := w.state("old"); s != "STOPPING" {
			t.Errorf("the program that is configured no more is %s", s)
		}
		w.edge.log()
		w.after(time.Minute)
		snap, _ := w.loop.publish.get()
		if snap.get("queue:queue_01") != nil || snap.get("old") != nil || len(w.loop.config.Programs) != 1 {
			t.Errorf("not forgotten: %d views, %d programs", len(snap.views), len(w.loop.config.Programs))
		}
		if s := w.state("queue:queue_00"); s != "RUNNING" {
			t.Errorf("the one that stays is %s", s)
		}
		equal(t, "started", asked(w, "spawn"), nil)
	}
	smaller := worker("queue", 1, func(p *conf.Program) { p.Instances[0].Name = "queue_00" })
	hang := func(e *fakeEdge) { e.finish = -1 }
	r.nextWith(t, smaller, time.Second, hang, story)
	// A second takeover in a row knows as much.
	var again remains
	r.nextWith(t, smaller, time.Second, hang, func(w *world) { again = w.crash() })
	again.nextWith(t, smaller, time.Second, hang, story)
}

// Another cgroup of the same name is another run, whatever is remembered.
func TestTakeOverKnowsTheCgroup(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, nil, func(w *world) {
		w.after(30 * time.Second)
		w.loop.instances["queue"].facts(1).known = runRecord{PID: 77, Cgroup: 5}
	})
	r.runs[0].cgroup = 6
	r.next(t, c, time.Second, func(w *world) {
		w.after(time.Second)
		log := w.edge.log()
		equal(t, "asked", w.edge.only("stray", log), []string{"stray queue/1 stop=true"})
		if v := w.status("queue"); v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
}

func TestTakeOverOfWhatIsConfiguredNoMore(t *testing.T) {
	both := worker("queue", 1, nil)
	both.Programs = append(both.Programs, worker("old", 1, nil).Programs...)
	one := worker("queue", 1, nil)
	r := died(t, both, nil, func(w *world) { w.after(30 * time.Second) })
	r.next(t, one, time.Second, func(w *world) {
		w.after(time.Second)
		equal(t, "stopped", asked(w, "signal"), []string{"signal old/1 terminated"})
		if snap, _ := w.loop.publish.get(); snap.get("old") != nil {
			t.Error("it is still there")
		}
	})
	keep := *one
	keep.Supervisor.Orphans = conf.OrphansKeep
	r.next(t, &keep, time.Second, func(w *world) {
		w.after(time.Minute)
		equal(t, "kept", asked(w, "signal"), nil)
		if s := w.state("old"); s != "RUNNING" {
			t.Errorf("kept, and %s", s)
		}
	})
	r.drop("").next(t, &keep, time.Second, func(w *world) {
		equal(t, "kept without memory", asked(w, "stray"), []string{"stray old/1 stop=false"})
	})
	r.drop("").next(t, one, time.Second, func(w *world) {
		equal(t, "stopped without memory", asked(w, "stray"), []string{"stray old/1 stop=true"})
	})
}

func TestTakeOverThenUpdates(t *testing.T) {
	c := worker("queue", 2, nil)
	scaled := worker("queue", 3, nil)
	r := died(t, scaled, nil, func(w *world) { w.after(30 * time.Second) })
	changed := worker("queue", 2, func(p *conf.Program) { p.Instances[1].Argv = []string{"other"} })
	r.next(t, changed, time.Second, func(w *world) {
		w.after(time.Second)
		equal(t, "changed and gone", slices.Sorted(slices.Values(asked(w, "signal"))), []string{"signal queue_01/1 terminated", "signal queue_02/1 terminated"})
	})
	var self supervisorRecord
	if err := json.Unmarshal(r.docs[keySupervisor], &self); err != nil {
		t.Fatal(err)
	}
	self.Digest = "today's" // the file is as it was
	r.docs[keySupervisor], _ = json.Marshal(self)
	r.next(t, c, time.Second, func(w *world) {
		w.after(time.Second)
		equal(t, "as scaled", asked(w, "signal"), nil)
		if s := w.state("queue:queue_02"); s != "RUNNING" {
			t.Errorf("the third is %s", s)
		}
	})
}

// After a reboot, or an end in order, everything starts as ever; what happened
// before is still known.
func TestNothingToTakeOver(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, nil, func(w *world) {
		w.after(30 * time.Second)
		w.edge.exit(w.ref("queue"), programs.Exit{Code: 1}, false)
		w.after(5 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
	})
	p := readPast(state.Loaded{Documents: r.docs, BootID: "boot"}, "another boot", c)
	withinPast(t, p.inForce(c), func(l *loop) { l.takeover = func(l *loop) { l.resume(p, c) } }, nil, func(w *world) {
		w.after(2 * time.Second)
		v := w.status("queue")
		if v.State != "RUNNING" || v.Run != 3 || v.Restarts != 1 || len(v.reasons) != 2 {
			t.Errorf("%+v, %d reasons", v.Status, len(v.reasons))
		}
	})
}

// A supervisor that was stopping everything is started again: what it was to
// stop is stopped and then up again.
func TestTakeOverInAShutdown(t *testing.T) {
	c := worker("queue", 1, nil)
	r := died(t, c, func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(5 * time.Second)
		w.loop.post(endRequest{})
		w.after(time.Second)
	})
	r.next(t, c, time.Second, func(w *world) {
		w.after(2 * time.Second)
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
}

// TestTakeOverOfReasonsAlone: a record that is lost takes nothing with it that stands
// elsewhere, and what the first successor tells the second tells too.
func TestTakeOverOfReasonsAlone(t *testing.T) {
	c := worker("queue", 1, nil)
	var left, again remains
	within(t, c, nil, func(w *world) {
		w.after(2 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue"}})
		left = w.crash()
	})
	reason := func(w *world) string {
		if r := w.status("queue").reasons; len(r) == 1 {
			return r[0].Kind
		}
		return "none"
	}
	left.drop(keyInstance).next(t, c, time.Second, func(w *world) {
		w.after(2 * time.Second)
		if got := reason(w); got != "stopped" {
			t.Errorf("the reason is %s", got)
		}
		again = w.crash()
	})
	again.next(t, c, time.Second, func(w *world) {
		w.after(2 * time.Second)
		if got := reason(w); got != "stopped" {
			t.Errorf("the next one's reason is %s", got)
		}
	})
}
