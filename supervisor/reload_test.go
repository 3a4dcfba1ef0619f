package supervisor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// update applies a config as `ctl update` does and returns what was done.
func (w *world) update(c *conf.Config, names ...string) map[string]string {
	w.t.Helper()
	q := &rereadRequest{config: c, apply: true, names: names, diff: make(chan conf.Changes, 1)}
	w.loop.post(q)
	<-q.diff
	w.after(0)
	return q.done
}

func (w *world) kinds(kind string) (messages []string) {
	events, _ := w.d.Events(w.ctx, 0)
	for _, e := range events {
		if e.Kind == kind {
			messages = append(messages, e.Message)
		}
	}
	return messages
}

func join(configs ...*conf.Config) *conf.Config {
	out := &conf.Config{}
	for _, c := range configs {
		out.Programs = append(out.Programs, c.Programs...)
	}
	return out
}

// From one instance to several the first goes on, under its new name; and back.
func TestNumprocsKeepsTheFirst(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		w.update(worker("queue", 3, nil))
		w.after(2 * time.Second)
		equal(t, "asked", w.edge.log(), []string{"revise queue_00/1", "spawn queue_01/1", "spawn queue_02/1"})
		if v := w.status("queue:queue_00"); v.Run != 1 || v.State != "RUNNING" {
			t.Errorf("%+v", v.Status)
		}
		if snap, _ := w.loop.publish.get(); snap.get("queue") != nil || len(snap.views) != 3 {
			t.Errorf("%d instances, the old name among them: %v", len(snap.views), snap.get("queue") != nil)
		}
		// Its orders go by the new name, and its facts still reach it.
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_00"}})
		if v := w.status("queue:queue_00"); v.State != "STOPPED" {
			t.Errorf("%+v", v.Status)
		}
		w.do(control.Order{Verb: "start", Names: []string{"queue:queue_00"}})
		w.update(worker("queue", 1, nil))
		w.after(2 * time.Second)
		if v := w.status("queue"); v.Run != 2 || v.State != "RUNNING" {
			t.Errorf("%+v", v.Status)
		}
		if snap, _ := w.loop.publish.get(); len(snap.views) != 1 {
			t.Errorf("%d instances", len(snap.views))
		}
	})
}

// A change of what only a start can apply restarts what runs, and nothing else.
func TestChangeRestartsWhatRuns(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
		w.edge.log()
		w.update(worker("queue", 2, func(p *conf.Program) { p.Umask = 0o77 }))
		w.after(2 * time.Second)
		if v := w.status("queue:queue_00"); v.Run != 2 || v.LastReason.Detail != "restart" {
			t.Errorf("%+v", v.LastReason)
		}
		if v := w.status("queue:queue_01"); v.Run != 1 || v.State != "STOPPED" {
			t.Errorf("a stopped instance was started: %+v", v.Status)
		}
	})
}

// A live rule reaches live runs, without a restart.
func TestChangeRevisesLiveRuns(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		w.update(worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory = 100; p.StopWait = time.Minute }))
		equal(t, "asked", w.edge.log(), []string{"revise queue/1"})
		w.edge.finish = -1
		w.loop.post(endRequest{})
		w.after(59 * time.Second)
		if log := w.edge.only("kill", w.edge.log()); len(log) != 0 {
			t.Errorf("the old stopwaitsecs is still in force: %q", log)
		}
		w.after(2 * time.Second)
	})
}

// update NAME applies that program alone; the others stay as they were, and
// differ still.
func TestUpdateOfNamedPrograms(t *testing.T) {
	within(t, join(worker("a", 1, nil), worker("b", 1, nil), worker("c", 1, nil)), nil, func(w *world) {
		w.after(2 * time.Second)
		next := join(worker("a", 2, nil), worker("b", 2, nil), worker("d", 1, nil), worker("e", 1, nil)) // c is gone
		done := w.update(next, "a", "d")
		w.after(2 * time.Second)
		if len(done) != 2 || done["a"] != "updated" || done["d"] != "added" {
			t.Errorf("done %v", done)
		}
		snap, _ := w.loop.publish.get()
		var names []string
		for _, v := range snap.views {
			names = append(names, v.FullName())
		}
		equal(t, "instances", names, []string{"a:a_00", "a:a_01", "b", "c", "d"})
		diff := conf.Diff(w.loop.config, next)
		if !slices.Equal(diff.Added, []string{"e"}) || !slices.Equal(diff.Removed, []string{"c"}) || len(diff.Changed) != 1 || diff.Changed[0].Program != "b" {
			t.Errorf("what is left to update: %+v", diff)
		}
		if done := w.update(next); len(done) != 3 || done["b"] != "updated" || done["c"] != "removed" || done["e"] != "added" {
			t.Errorf("done %v", done)
		}
		w.after(2 * time.Second)
		if diff := conf.Diff(w.loop.config, next); !diff.Empty() {
			t.Errorf("after all is updated there differs %+v", diff)
		}
	})
}

// Keys of the supervisor itself are never applied, and said every time.
func TestSupervisorKeysNeedARestart(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		next := worker("queue", 1, nil)
		next.Supervisor.LogLevel, next.Supervisor.Umask = "debug", 0o77
		for range 2 {
			w.update(next)
		}
		equal(t, "told", w.kinds("config"), slices.Repeat([]string{"needs a restart of the supervisor to apply: supervisor.log_level, supervisor.umask"}, 2))
		if c := w.loop.config; c.Supervisor.LogLevel != "" || c.Supervisor.Umask != 0 {
			t.Errorf("applied: %+v", c.Supervisor)
		}
	})
}

// Those of the host are, with an update of all.
func TestHostKeysApplyAtOnce(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		next := worker("queue", 1, nil)
		next.Host.Overcommit, next.Host.MemoryReserve = "deny", 1<<30
		w.after(2 * time.Second)
		w.edge.log()
		w.update(next, "queue")
		equal(t, "named", w.edge.log(), nil)
		w.update(next)
		equal(t, "all", w.edge.log(), []string{"revise host"})
		if w.loop.config.Host != next.Host {
			t.Errorf("%+v", w.loop.config.Host)
		}
	})
}

func TestMerged(t *testing.T) {
	old := join(worker("a", 1, nil), worker("b", 1, nil), worker("c", 1, nil))
	old.Supervisor.LogLevel, old.Path = "info", "/old"
	next := join(worker("a", 2, nil), worker("b", 2, nil), worker("d", 1, nil))
	next.Supervisor.LogLevel, next.Path = "debug", "/new"
	got := merged(old, next, map[string]string{"a": "updated", "c": "removed"})
	var programs []string
	for _, p := range got.Programs {
		programs = append(programs, p.Name+" "+strings.Repeat("|", len(p.Instances)))
	}
	slices.Sort(programs)
	equal(t, "programs", programs, []string{"a ||", "b |"})
	if got.Supervisor.LogLevel != "info" || got.Path != "/new" {
		t.Errorf("%+v", got)
	}
	if len(old.Programs) != 3 || len(next.Programs) != 3 {
		t.Error("a config was changed")
	}
}

// A program that comes back while it still ends is the same program: its stop
// goes on, with its deadline, and then it starts.
func TestRemovedProgramComesBack(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(2 * time.Second)
		w.edge.log()
		w.update(&conf.Config{})
		w.after(5 * time.Second)
		if done := w.update(worker("queue", 1, nil)); done["queue"] != "added" {
			t.Errorf("done %v", done)
		}
		w.after(10 * time.Second)
		log := w.edge.log()
		equal(t, "asked", slices.DeleteFunc(log, func(s string) bool { return strings.HasPrefix(s, "revise") }),
			[]string{"lift queue/1", "signal queue/1 terminated", "kill queue/1", "release queue/1", "spawn queue/2"})
		if v := w.status("queue"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
	})
}

// So is an instance that scale brings back.
func TestScaledInstanceComesBack(t *testing.T) {
	within(t, worker("queue", 2, nil), func(e *fakeEdge) { e.finish = 5 * time.Second }, func(w *world) {
		w.after(2 * time.Second)
		two, one := worker("queue", 2, nil), worker("queue", 2, nil)
		one.Programs[0].Instances = one.Programs[0].Instances[:1]
		w.update(one)
		w.after(time.Second)
		w.edge.log()
		w.update(two)
		w.after(10 * time.Second)
		if v := w.status("queue:queue_01"); v.State != "RUNNING" || v.Run != 2 {
			t.Errorf("%+v", v.Status)
		}
		equal(t, "spawned", w.edge.only("spawn", w.edge.log()), []string{"spawn queue_01/2"})
	})
}
