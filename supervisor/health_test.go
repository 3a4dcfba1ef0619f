package supervisor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// website is a program that is asked every 10 s, from the start on.
func website(n int, change func(*conf.Program)) *conf.Config {
	return worker("web", n, func(p *conf.Program) {
		p.Health = conf.Health{Interval: 10 * time.Second, Timeout: 5 * time.Second, Retries: 3, Start: 30 * time.Second}
		p.JobFormat, p.SelfKill, p.RecycleCodes, p.AutoRestart = "", false, nil, conf.RestartUnexpected
		for i := range p.Instances {
			p.Instances[i].Checks.HTTP = "http://127.0.0.1/ping"
		}
		if change != nil {
			change(p)
		}
	})
}

var errRefused = errors.New("connection refused")

// ailing is well until it is told otherwise.
func ailing(e *fakeEdge) (fall, rise func()) {
	var err error
	e.well = func(ref) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		return err
	}
	set := func(to error) func() {
		return func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			err = to
		}
	}
	return set(errRefused), set(nil)
}

func (w *world) health(name, want string) {
	w.t.Helper()
	v := w.status(name)
	if v.Health != want {
		w.t.Errorf("%s is %q, want %q", name, v.Health, want)
	}
	failing := strings.HasPrefix(want, "failing")
	if strings.Contains(control.Describe(v.Status), "failing") != failing {
		w.t.Errorf("%s: status says %q", name, control.Describe(v.Status))
	}
}

// A server that stops listening and does not die is restarted, gracefully.
func TestUnhealthyIsRestarted(t *testing.T) {
	var fall, rise func()
	within(t, website(1, nil), func(e *fakeEdge) { fall, rise = ailing(e) }, func(w *world) {
		w.health("web", "") // not up yet
		w.after(1100 * time.Millisecond)
		w.health("web", "starting")
		w.after(time.Second)
		w.health("web", "healthy")
		fall()
		w.after(10 * time.Second)
		w.health("web", "failing 1/3: connection refused")
		w.after(10 * time.Second)
		w.health("web", "failing 2/3: connection refused")
		rise()
		w.after(10 * time.Second)
		w.health("web", "healthy")
		equal(t, "failing", w.kinds("failing"), []string{"failing 1/3: connection refused (http http://127.0.0.1/ping)"})
		equal(t, "healthy", w.kinds("healthy"), []string{"is healthy again"})
		w.edge.log()
		fall()
		w.after(30 * time.Second)
		rise()
		w.after(3 * time.Second)
		equal(t, "asked", w.edge.log(), []string{"check web/1", "check web/1", "check web/1", "lift web/1", "signal web/1 terminated",
			"release web/1", "spawn web/2", "check web/2"})
		v := w.status("web")
		if v.State != "RUNNING" || v.Run != 2 || v.Restarts != 1 || v.Health != "healthy" {
			t.Errorf("%+v", v.Status)
		}
		if r := v.LastReason; r.Kind != "unhealthy" || r.Detail != "http http://127.0.0.1/ping: connection refused, 3 in a row" {
			t.Errorf("%+v", r)
		}
		equal(t, "stopping", w.kinds("stopping"), []string{"asked to end: unhealthy, http http://127.0.0.1/ping: connection refused, 3 in a row"})
	})
}

// One that does not end either is killed after stopwaitsecs, and is unhealthy all the same.
func TestUnhealthyAndDeaf(t *testing.T) {
	within(t, website(1, func(p *conf.Program) { p.Health.Start = 0 }), func(e *fakeEdge) {
		e.well = func(ref) error { return errRefused }
		e.finish = -1
	}, func(w *world) {
		w.after(1100*time.Millisecond + 21*time.Second)
		if v := w.status("web"); v.State != "STOPPING" || v.Health != "" {
			t.Errorf("%+v", v.Status)
		}
		w.after(11 * time.Second)
		equal(t, "killed", w.edge.only("kill", w.edge.log()), []string{"kill web/1"})
		if v := w.status("web"); v.LastReason.Kind != "unhealthy" || v.Run != 2 {
			t.Errorf("%+v %+v", v.Status, v.LastReason)
		}
	})
}

// One that is never well is not given up, and started anew less and less often.
func TestNeverWell(t *testing.T) {
	within(t, website(1, func(p *conf.Program) { p.StartRetries = 1; p.Health.Start = time.Minute }), func(e *fakeEdge) {
		e.well = func(ref) error { return errRefused }
	}, func(w *world) {
		w.after(3 * time.Second)
		w.health("web", "starting: connection refused")
		w.after(time.Hour)
		events, _ := w.d.Events(w.ctx, 0)
		var ended, began time.Time
		var waits []time.Duration
		for _, e := range events {
			switch {
			case e.Kind == "ended":
				ended = e.At
			case e.Kind == "state" && e.To == "STARTING" && !ended.IsZero():
				began = e.At
				waits = append(waits, began.Sub(ended))
			case e.To == "FATAL":
				t.Errorf("given up: %+v", e)
			}
		}
		const s = time.Second
		want := []time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}
		if len(waits) < len(want) || !slices.Equal(waits[:len(want)], want) {
			t.Errorf("waited %v, want %v", waits, want)
		}
	})
}

// While it starts it is asked less and less often, and nothing counts.
func TestGrace(t *testing.T) {
	var fall, rise func()
	within(t, website(1, nil), func(e *fakeEdge) { fall, rise = ailing(e); fall() }, func(w *world) {
		w.after(time.Second + 2*time.Millisecond)
		w.edge.log()
		w.after(29 * time.Second)
		equal(t, "asked", w.edge.log(), slices.Repeat([]string{"check web/1"}, 6)) // after 1, 1, 2, 4, 8 and 10 s
		w.health("web", "starting: connection refused")
		rise()
		w.after(7 * time.Second)
		w.health("web", "healthy")
		fall()
		w.after(10 * time.Second)
		w.health("web", "failing 1/3: connection refused")
	})
}

// However long an answer takes there is one question at a time, and the next comes
// an interval after it.
func TestChecksDoNotPileUp(t *testing.T) {
	within(t, website(1, nil), func(e *fakeEdge) { e.asking = 25 * time.Second }, func(w *world) {
		w.after(time.Second + 2*time.Millisecond)
		w.edge.log()
		w.after(71*time.Second + time.Millisecond)
		equal(t, "asked", w.edge.log(), []string{"check web/1", "check web/1", "check web/1"}) // after 1, 36, 71 s
	})
}

// What was started together is not asked together for long.
func TestChecksSpread(t *testing.T) {
	draws := 0
	withinPast(t, website(100, nil), func(l *loop) {
		l.draw = func() float64 { draws++; return float64(draws*61%97) / 97 }
	}, nil, func(w *world) {
		w.after(20 * time.Second)
		most, total := 0, 0
		for range 100 { // the checks of ten seconds, by tenths
			w.edge.log()
			w.after(100 * time.Millisecond)
			n := len(w.edge.only("check", w.edge.log()))
			most, total = max(most, n), total+n
		}
		if total < 80 || total > 130 || most > 10 {
			t.Errorf("%d checks of 100 in 10 s, %d of them in a tenth of one", total, most)
		}
	})
}

// An answer that comes when the run is on its way out, or gone, is none.
func TestLateAnswer(t *testing.T) {
	within(t, website(1, func(p *conf.Program) { p.Health.Start, p.Health.Retries = 0, 1 }), func(e *fakeEdge) {
		e.asking = 5 * time.Second
		e.well = func(r ref) error {
			if r.n == 1 {
				return errRefused
			}
			return nil
		}
	}, func(w *world) {
		w.after(2500 * time.Millisecond) // it is being asked
		w.do(control.Order{Verb: "restart", Names: []string{"web"}})
		w.after(10 * time.Second)
		if v := w.status("web"); v.Run != 2 || v.LastReason.Kind != "stopped" || v.Health != "healthy" || len(w.kinds("failing")) != 0 {
			t.Errorf("%+v %+v", v.Status, v.LastReason)
		}
	})
}

// A change of the rules restarts nothing and holds at once; what was counted under
// the old ones is forgotten. A question of before is awaited, and its answer is none.
func TestHealthIsRevised(t *testing.T) {
	var fall func()
	within(t, website(1, nil), func(e *fakeEdge) { fall, _ = ailing(e) }, func(w *world) {
		w.after(3 * time.Second)
		fall()
		w.after(20 * time.Second)
		w.health("web", "failing 2/3: connection refused")
		w.edge.log()
		next := func(change func(p *conf.Program)) *conf.Config {
			return website(1, func(p *conf.Program) { p.Health.Interval = 20 * time.Second; change(p) })
		}
		w.edge.mu.Lock()
		w.edge.asking = 5 * time.Second
		w.edge.mu.Unlock()
		w.after(10 * time.Second) // asked, and not answered yet
		w.update(next(func(p *conf.Program) { p.Instances[0].Checks = conf.Checks{TCP: "localhost:1"} }))
		w.health("web", "starting")
		w.after(5 * time.Second)
		w.health("web", "starting")
		equal(t, "asked", w.edge.log(), []string{"check web/1", "revise web/1"})
		w.after(26 * time.Second)
		w.health("web", "failing 1/3: connection refused")
		w.update(next(func(p *conf.Program) { p.Instances[0].Checks = conf.Checks{} }))
		w.edge.log()
		w.after(time.Hour)
		w.health("web", "")
		if v := w.status("web"); v.Run != 1 || len(w.edge.log()) != 0 {
			t.Errorf("%+v", v.Status)
		}
		w.update(next(func(p *conf.Program) { p.Priority = 3 })) // asked again; other keys are no reason to forget
		w.after(26 * time.Second)
		w.health("web", "failing 1/3: connection refused")
		w.update(next(func(p *conf.Program) { p.Priority = 4 }))
		w.health("web", "failing 1/3: connection refused")
	})
}

// A paused worker is not asked and owes nothing.
func TestPausedIsNotLookedAt(t *testing.T) {
	within(t, website(1, func(p *conf.Program) {
		p.PauseSignal, p.ResumeSignal, p.Health.Silent, p.Health.Start = 12, 18, 20*time.Second, 0
	}), nil, func(w *world) {
		w.after(12 * time.Second)
		w.do(control.Order{Verb: "pause", Names: []string{"web"}})
		w.edge.log()
		w.after(time.Hour)
		if log := w.edge.log(); len(log) != 0 {
			t.Errorf("asked %q", log)
		}
		w.health("web", "")
		w.do(control.Order{Verb: "resume", Names: []string{"web"}})
		w.after(19 * time.Second)
		if v := w.status("web"); v.Run != 1 || v.Health != "healthy" {
			t.Errorf("%+v", v.Status)
		}
		w.after(3 * time.Second)
		if v := w.status("web"); v.LastReason == nil || v.LastReason.Detail != "no output for 20s" {
			t.Errorf("%+v", v.LastReason)
		}
	})
}

// show has the edge say when the run last showed itself.
func (w *world) show(output, pet time.Time) {
	w.edge.mu.Lock()
	defer w.edge.mu.Unlock()
	w.edge.shown = signs{output, pet}
}

// TestSigns: without checks there is what must not be missing for too long.
func TestSigns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		health conf.Health
		live   func(w *world) // every 10 s
		detail string         // of the reason, once that stops
		change func(*conf.Program)
	}{
		{"silent", conf.Health{Silent: 15 * time.Second}, func(w *world) { w.show(time.Now(), time.Time{}) }, "no output for 15s", nil},
		{"watchdog", conf.Health{Watchdog: 15 * time.Second}, func(w *world) { w.show(time.Time{}, time.Now()) }, "no WATCHDOG=1 for 15s", nil},
		{"idle", conf.Health{Idle: 15 * time.Second}, func(w *world) { w.loop.post(jobsDone{w.ref("web"), 1, 0}) }, "no finished job for 15s",
			func(p *conf.Program) { p.JobFormat = "laravel" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			within(t, website(1, func(p *conf.Program) {
				p.Health, p.Instances[0].Checks = tt.health, conf.Checks{}
				if tt.change != nil {
					tt.change(p)
				}
			}), nil, func(w *world) {
				w.after(2 * time.Second)
				w.health("web", "healthy")
				for range 20 {
					tt.live(w)
					w.after(10 * time.Second)
				}
				if v := w.status("web"); v.Run != 1 || v.Health != "healthy" {
					t.Fatalf("%+v %+v", v.Status, v.LastReason)
				}
				w.after(4 * time.Second)
				if v := w.status("web"); v.Run != 1 {
					t.Errorf("too early: %+v", v.LastReason)
				}
				w.after(2 * time.Second)
				v := w.status("web")
				if v.Run != 2 || v.LastReason.Kind != "unhealthy" || v.LastReason.Detail != tt.detail {
					t.Errorf("%+v %+v", v.Status, v.LastReason)
				}
			})
		})
	}
}

// It may say of itself that it is not well, if it was told of the watchdog.
func TestTrigger(t *testing.T) {
	for _, told := range []time.Duration{0, time.Minute} {
		within(t, website(1, func(p *conf.Program) { p.Health.Watchdog = told }), nil, func(w *world) {
			w.after(2 * time.Second)
			w.loop.post(triggered{w.ref("web")})
			w.after(2 * time.Second)
			v := w.status("web")
			if (v.Run == 2) != (told > 0) || told > 0 && v.LastReason.Detail != "it said WATCHDOG=trigger" {
				t.Errorf("told of %v: run %d, %+v", told, v.Run, v.LastReason)
			}
		})
	}
}

// A run is held to the watchdog that it was told of at its start.
func TestWatchdogIsToldAtTheStart(t *testing.T) {
	dog := func(d time.Duration) *conf.Config {
		return website(1, func(p *conf.Program) { p.Health.Watchdog, p.Instances[0].Checks, p.Health.Start = d, conf.Checks{}, 0 })
	}
	within(t, dog(0), nil, func(w *world) {
		w.after(2 * time.Second)
		w.update(dog(10 * time.Second))
		w.after(time.Minute)
		if v := w.status("web"); v.Run != 1 {
			t.Fatalf("held to what it does not know: %+v", v.LastReason)
		}
		w.do(control.Order{Verb: "restart", Names: []string{"web"}})
		w.after(2 * time.Second)
		w.update(dog(5 * time.Second))
		w.after(6 * time.Second)
		if v := w.status("web"); v.Run != 2 {
			t.Fatalf("held to more than it knows: %+v", v.LastReason)
		}
		w.after(5 * time.Second)
		if v := w.status("web"); v.Run != 3 || v.LastReason.Detail != "no WATCHDOG=1 for 10s" {
			t.Fatalf("%d %+v", v.Run, v.LastReason)
		}
		w.update(dog(20 * time.Second))
		w.update(dog(0))
		w.after(time.Hour)
		if v := w.status("web"); v.Run != 3 {
			t.Errorf("it is over: %+v", v.LastReason)
		}
		var held []string
		for _, m := range w.kinds("config") {
			if strings.HasPrefix(m, "health.") {
				held = append(held, m)
			}
		}
		equal(t, "held", held, []string{
			"health.watchdog holds from its next run on: it was not told at its start to say WATCHDOG=1",
			"health.watchdog stays 10s until its next run: that is what it was told at its start",
		})
	})
}

// A check that came to nothing, as before an upgrade that then failed, is made again.
func TestAbandonedCheck(t *testing.T) {
	within(t, website(1, nil), func(e *fakeEdge) { e.asking = time.Hour }, func(w *world) {
		w.after(3 * time.Second)
		w.edge.log()
		w.loop.post(checked{ref: w.ref("web"), off: true})
		w.after(9 * time.Second)
		w.health("web", "starting")
		w.after(2 * time.Second)
		equal(t, "asked", w.edge.log(), []string{"check web/1"})
	})
}

// A successor begins to look anew: nothing is remembered of the failures, but why a run is
// on its way out; and it has the whole time for its next WATCHDOG=1.
func TestHealthAfterATakeover(t *testing.T) {
	c := website(2, func(p *conf.Program) {
		p.Health.Watchdog, p.Health.Start = time.Minute, 0
	})
	var fall func()
	r := died(t, c, func(e *fakeEdge) { fall, _ = ailing(e); e.finish = -1 }, func(w *world) {
		w.after(3 * time.Second)
		fall()
		w.after(20 * time.Second)
		w.health("web:web_00", "failing 2/3: connection refused")
		w.loop.post(triggered{w.ref("web:web_01")})
		w.after(time.Second)
	})
	r.next(t, c, 10*time.Minute, func(w *world) {
		w.health("web:web_00", "starting")
		w.after(time.Second) // it is asked to end once more, or killed, and ends
		if v := w.status("web:web_01"); v.LastReason == nil || v.LastReason.Kind != "unhealthy" || v.LastReason.Detail != "it said WATCHDOG=trigger" {
			t.Errorf("%+v %+v", v.Status, v.LastReason)
		}
		w.after(11 * time.Second)
		w.health("web:web_00", "healthy")
		w.after(47 * time.Second)
		if v := w.status("web:web_00"); v.Run != 1 {
			t.Errorf("the watchdog came too early: %+v", v.LastReason)
		}
		w.after(2 * time.Second)
		if v := w.status("web:web_00"); v.Run != 2 || v.LastReason.Detail != "no WATCHDOG=1 for 1m0s" {
			t.Errorf("%+v %+v", v.Status, v.LastReason)
		}
	})
}

// A moment of the edge's is one of the loop's, which counts from the boot.
func TestMomentOf(t *testing.T) {
	l := &loop{epoch: time.Now(), before: time.Hour}
	if got := l.momentOf(time.Time{}); got != 0 {
		t.Errorf("never is %v", got)
	}
	if got := l.momentOf(l.epoch.Add(time.Minute)); got != time.Hour+time.Minute+1 {
		t.Errorf("%v", got)
	}
	var h programs.Health
	if h.Heard(l.momentOf(time.Time{}), 0) != h {
		t.Error("never changes something")
	}
}
