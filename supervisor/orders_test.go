package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

func TestSignalNamed(t *testing.T) {
	for name, want := range map[string]syscall.Signal{
		"TERM": syscall.SIGTERM, "term": syscall.SIGTERM, "SIGTERM": syscall.SIGTERM, "sigTerm": syscall.SIGTERM, "15": syscall.SIGTERM,
		"1": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "9": syscall.SIGKILL, "CHLD": syscall.SIGCHLD,
		"": 0, "0": 0, "-1": 0, "99": 0, "SIG": 0, "NONSENSE": 0, "SIGSIGTERM": 0, "TERM ": 0,
		"15x": 0, "9 lives": 0, "1.5": 0, "0x9": 0, "1_5": 0,
	} {
		if got := signalNamed(name); got != want {
			t.Errorf("%q is signal %d, want %d", name, got, want)
		}
	}
}

// TestStartEnded is the truth table of what a start is answered with.
func TestStartEnded(t *testing.T) {
	seen := func(state string, lastN uint64, change func(*view)) *view {
		v := &view{lastN: lastN}
		v.State = state
		v.idle = state == "STOPPED" || state == "EXITED" || state == "FATAL"
		if change != nil {
			change(v)
		}
		return v
	}
	crashed := func(v *view) { v.LastReason = &control.Reason{Kind: "crashed", ExitCode: 3} }
	noSpawn := func(v *view) { v.failure = "cannot start"; v.LastReason = &control.Reason{Kind: "spawn_failed"} }
	const before = 4
	for _, tt := range []struct {
		name   string
		view   *view
		open   bool
		fault  control.Fault
		detail string
	}{
		{"gone from the config", nil, false, control.AbnormalTermination, "it left the config"},
		{"still ending its last run", seen("STOPPING", before, nil), true, "", ""},
		{"waiting in the backoff", seen("BACKOFF", before, nil), true, "", ""},
		{"stopped before it began", seen("STOPPED", before, crashed), false, control.AbnormalTermination, "it was stopped before it started"},
		{"on its way", seen("STARTING", before+1, nil), true, "", ""},
		{"up", seen("RUNNING", before+1, crashed), false, "", ""},
		{"up at its second try", seen("RUNNING", before+2, noSpawn), false, "", ""},
		{"being stopped again", seen("STOPPING", before+1, nil), true, "", ""},
		{"no process", seen("BACKOFF", before+1, noSpawn), false, control.SpawnError, "cannot start"},
		{"no process, given up", seen("FATAL", before+1, noSpawn), false, control.SpawnError, "cannot start"},
		{"died at once", seen("BACKOFF", before+1, crashed), false, control.SpawnError, "crashed: exit code 3"},
		{"died once too often", seen("FATAL", before+4, crashed), false, control.SpawnError, "crashed: exit code 3"},
		{"ended for good", seen("EXITED", before+1, crashed), false, control.AbnormalTermination, "crashed: exit code 3"},
		{"stopped meanwhile", seen("STOPPED", before+1, nil), false, control.AbnormalTermination, ""},
	} {
		o, ok := startEnded(control.Outcome{Name: "queue", Done: "started"}, tt.view, before)
		switch {
		case ok == tt.open:
			t.Errorf("%s: known %v", tt.name, ok)
		case tt.open:
		case o.Fault != tt.fault || o.Detail != tt.detail || (o.Done == "started") != (tt.fault == "") || o.Name != "queue":
			t.Errorf("%s: %+v, want %q %q", tt.name, o, tt.fault, tt.detail)
		}
	}
}

// An order that takes longer than its caller waits is answered with what is known.
func TestOrderIsNotWaitedForLonger(t *testing.T) {
	within(t, worker("queue", 2, nil), func(e *fakeEdge) { e.finish = 8 * time.Second }, func(w *world) {
		w.after(2 * time.Second)
		ctx, cancel := context.WithTimeout(w.ctx, 3*time.Second)
		defer cancel()
		out, err := w.d.Do(ctx, control.Order{Verb: "stop", Names: []string{"queue:*"}})
		if err != nil || len(out) != 2 || out[0].Fault != control.Failed || out[0].Detail != "not done yet" || out[0].Done != "" {
			t.Errorf("%+v %v", out, err)
		}
		out, err = w.d.Do(w.ctx, control.Order{Verb: "start", Names: []string{"queue:*"}, NoWait: true})
		if err != nil || out[0].Fault != control.AbnormalTermination || out[0].Detail != "it is being stopped" {
			t.Errorf("%+v %v", out, err)
		}
	})
}

// When an order is answered its first effect is published: a start that is
// followed must not be judged by what was before.
func TestOrderIsPublishedBeforeItsAnswer(t *testing.T) {
	e := newFakeEdge()
	e.boot = time.Hour
	l := newLoop(worker("queue", 1, nil), e, zap.NewNop(), newJournal())
	l.define()
	q := &orderRequest{order: control.Order{Verb: "start", Names: []string{"queue"}}, tickets: make(chan []ticket, 1)}
	q.do(l)
	snap, _ := l.publish.get()
	if s := snap.get("queue").State; s != "STARTING" {
		t.Errorf("published as %s", s)
	}
}

// restart answers twice, all stops first; what does not run is only started, and
// is told so where it is named.
func TestRestartAnswersTwice(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		for _, c := range []struct {
			names []string
			want  []control.Outcome
		}{
			{[]string{"queue:*"}, []control.Outcome{
				{Name: "queue:queue_00", Done: "stopped"},
				{Name: "queue:queue_00", Done: "started"}, {Name: "queue:queue_01", Done: "started"},
			}},
			{[]string{"queue:queue_00", "queue:queue_01"}, []control.Outcome{
				{Name: "queue:queue_00", Done: "stopped"}, {Name: "queue:queue_01", Fault: control.NotRunning},
				{Name: "queue:queue_00", Done: "started"}, {Name: "queue:queue_01", Done: "started"},
			}},
		} {
			w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
			if out := w.do(control.Order{Verb: "restart", Names: c.names}); !slices.Equal(out, c.want) {
				t.Errorf("%v: %+v, want %+v", c.names, out, c.want)
			}
		}
	})
}

// An order for many is for those it can do something for: the others are passed
// over, but for one that is named.
func TestOrderForManyIsSilentOfTheRest(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
		for _, c := range []struct {
			verb  string
			names []string
			want  []control.Outcome
		}{
			{"start", []string{"queue:queue_00"}, []control.Outcome{{Name: "queue:queue_00", Fault: control.AlreadyStarted}}},
			{"start", []string{"queue:*"}, []control.Outcome{{Name: "queue:queue_01", Done: "started"}}},
			{"start", []string{"all"}, []control.Outcome{}},
			{"signal", []string{"all"}, []control.Outcome{{Name: "queue:queue_00", Done: "signalled"}, {Name: "queue:queue_01", Done: "signalled"}}},
			{"stop", []string{"queue"}, []control.Outcome{{Name: "queue:queue_00", Done: "stopped"}, {Name: "queue:queue_01", Done: "stopped"}}},
			{"stop", []string{"queue:"}, []control.Outcome{}},
			{"signal", []string{"all"}, []control.Outcome{}},
			{"stop", []string{"all", "queue:queue_00"}, []control.Outcome{{Name: "queue:queue_00", Fault: control.NotRunning}}},
		} {
			if out := w.do(control.Order{Verb: c.verb, Names: c.names, Signal: "HUP"}); !slices.Equal(out, c.want) {
				t.Errorf("%s %v: %+v, want %+v", c.verb, c.names, out, c.want)
			}
		}
	})
}

// restart --now and stop --now send nothing but the kill.
func TestNowIsKilledAtOnce(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.finish = -1 }, func(w *world) {
		w.after(2 * time.Second)
		for _, verb := range []string{"restart", "stop"} {
			n := w.status("queue").Run
			w.edge.log()
			out := w.do(control.Order{Verb: verb, Names: []string{"queue"}, Now: true})
			for _, o := range out {
				if o.Fault != "" {
					t.Errorf("%s: %+v", verb, o)
				}
			}
			log := w.edge.log()
			if len(w.edge.only("kill", log)) != 1 {
				t.Errorf("%s --now of run %d: asked %q", verb, n, log)
			}
			w.after(2 * time.Second)
		}
	})
}

// What cannot be executed is not started: its state stays, and a restart does not
// stop what could not be started again.
func TestStartOfWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "command")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	none := "can't find command '" + file + "'"
	config := worker("queue", 2, func(p *conf.Program) {
		for i := range p.Instances {
			p.Instances[i].Argv = []string{file}
		}
	})
	within(t, config, nil, func(w *world) {
		w.after(2 * time.Second)
		w.do(control.Order{Verb: "stop", Names: []string{"queue:queue_01"}})
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		w.edge.log()
		gone := func(n string) control.Outcome {
			return control.Outcome{Name: "queue:queue_0" + n, Fault: control.NoFile, Detail: none}
		}
		for _, c := range []struct {
			verb  string
			names []string
			want  []control.Outcome
		}{
			{"start", []string{"queue:queue_01"}, []control.Outcome{gone("1")}},
			{"start", []string{"queue:queue_00"}, []control.Outcome{gone("0")}},
			{"start", []string{"queue:*"}, []control.Outcome{gone("1")}},
			{"restart", []string{"queue:*"}, []control.Outcome{gone("0"), gone("1")}},
			{"restart", []string{"queue:queue_01"}, []control.Outcome{{Name: "queue:queue_01", Fault: control.NotRunning}, gone("1")}},
		} {
			if out := w.do(control.Order{Verb: c.verb, Names: c.names}); !slices.Equal(out, c.want) {
				t.Errorf("%s %v: %+v, want %+v", c.verb, c.names, out, c.want)
			}
		}
		if log := w.edge.log(); len(log) != 0 || w.status("queue:queue_01").State != "STOPPED" || w.status("queue:queue_00").State != "RUNNING" {
			t.Errorf("asked %q", log)
		}
	})
}

// A recycle that is asked for before there is a process is not forgotten, and who
// asked for it is answered.
func TestRecycleOfWhatIsBeingStarted(t *testing.T) {
	within(t, worker("queue", 1, nil), func(e *fakeEdge) { e.boot = 5 * time.Second }, func(w *world) {
		w.after(time.Second)
		for _, verb := range []string{"recycle", "restart"} {
			run := w.status("queue").Run
			out := w.do(control.Order{Verb: verb, Roll: true, Names: []string{"queue"}})
			if len(out) != 1 || out[0].Fault != "" || w.status("queue").Run != run+1 {
				t.Errorf("%s of run %d: %+v, run %d", verb, run, out, w.status("queue").Run)
			}
			w.do(control.Order{Verb: "restart", Names: []string{"queue"}, NoWait: true})
			w.after(time.Second)
		}
	})
}

func TestScaleAnswers(t *testing.T) {
	within(t, worker("queue", 2, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		if out := w.do(control.Order{Verb: "scale", Names: []string{"nope"}, Count: 2}); len(out) != 1 || out[0].Fault != control.BadName {
			t.Errorf("%+v", out)
		}
		// The test's programs were not read from a file: that they cannot be scaled
		// is an error of the order, and changes nothing.
		if _, err := w.d.Do(w.ctx, control.Order{Verb: "scale", Names: []string{"queue"}, Count: -1}); err == nil {
			t.Error("-1 instances are accepted")
		}
		if snap, _ := w.loop.publish.get(); len(snap.views) != 2 {
			t.Errorf("%d instances", len(snap.views))
		}
	})
}
