package supervisor

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// short is a host with a service that is safe, a web server, mail workers and reports,
// the last of which matter least.
func short(t *testing.T, rungs conf.Pressure, f func(w *world)) {
	t.Helper()
	c := join(
		worker("db", 1, func(p *conf.Program) { p.Process.OOMScoreAdj, p.Priority = -500, 1 }),
		worker("web", 1, func(p *conf.Program) { p.Priority = 10 }),
		worker("mail", 2, func(p *conf.Program) {
			p.Priority, p.PauseSignal, p.ResumeSignal = 500, syscall.SIGUSR2, syscall.SIGCONT
		}),
		worker("report", 3, func(p *conf.Program) {
			p.Priority, p.PauseSignal, p.ResumeSignal = 900, syscall.SIGUSR2, syscall.SIGCONT
		}),
	)
	rungs.Relief = 10 * time.Second
	c.Host.Pressure = rungs
	within(t, c, func(e *fakeEdge) {
		e.holds = 64 << 20
		e.host.Store(hostReading{available: 110 << 20}) // near
	}, func(w *world) {
		w.after(5 * time.Second)
		w.edge.log()
		f(w)
	})
}

// available lets the host have so many MiB, and the kernel tell of it.
func (w *world) available(mib int64) {
	w.has(hostReading{available: mib << 20})
}

func (w *world) has(r hostReading) {
	w.edge.host.Store(r)
	w.loop.post(hostPressure(w.edge.hostReading()))
}

func states(w *world) string {
	var out []string
	for _, s := range w.statuses() {
		out = append(out, s.Name+" "+s.State)
	}
	return strings.Join(out, ", ")
}

// On the first rung nothing new is started but for what is safe; what runs goes on, and
// its next run comes all the same.
func TestHeldBackWhileShort(t *testing.T) {
	short(t, conf.Pressure{Hold: conf.Rung{Below: 100 << 20}}, func(w *world) {
		w.do(control.Order{Verb: "stop", Names: []string{"web", "db", "mail:mail_00"}})
		w.available(99)
		w.after(time.Second)
		w.edge.log()
		out := w.do(control.Order{Verb: "start", Names: []string{"db"}})
		same(t, "the safe one", len(w.edge.only("spawn", w.edge.log())), 1)
		if out[0].Fault != "" {
			t.Errorf("%+v", out)
		}
		out = w.do(control.Order{Verb: "start", Names: []string{"web"}})
		if out[0].Fault != control.Failed || !strings.Contains(out[0].Detail, "short of memory") {
			t.Errorf("%+v", out)
		}
		w.do(control.Order{Verb: "recycle", Names: []string{"mail:mail_01"}})
		w.after(2 * time.Second)
		equal(t, "the next run", w.edge.only("spawn", w.edge.log()), []string{"spawn mail_01/2"})
		if s := w.status("web").fresh("", time.Now()); s.State != "BACKOFF" || !strings.Contains(s.Description, "short of memory") {
			t.Errorf("%s %s", s.State, s.Description)
		}
		w.do(control.Order{Verb: "stop", Names: []string{"web"}}) // who is held can be stopped
		w.do(control.Order{Verb: "start", Names: []string{"mail:mail_00"}})
		if s := w.status("web"); s.State != "STOPPED" {
			t.Errorf("%s", s.State)
		}
		w.edge.log()
		w.available(1000)
		w.after(9 * time.Second)
		same(t, "before the relief", len(w.edge.log()), 0)
		w.after(4 * time.Second)
		equal(t, "then", w.edge.only("spawn", w.edge.log()), []string{"spawn mail_00/2"})
		if w.loop.short.next != 0 {
			t.Error("it looks for ever")
		}
	})
}

// Queue workers pause, the least important program first, and go on in reverse.
func TestPausedWhileShort(t *testing.T) {
	short(t, conf.Pressure{Pause: conf.Rung{Below: 100 << 20}}, func(w *world) {
		w.available(99)
		w.after(500 * time.Millisecond)
		equal(t, "first", w.edge.only("signal", w.edge.log()), []string{
			"signal report_00/1 user defined signal 2", "signal report_01/1 user defined signal 2", "signal report_02/1 user defined signal 2"})
		w.after(time.Second)
		equal(t, "then", w.edge.only("signal", w.edge.log()), []string{
			"signal mail_00/1 user defined signal 2", "signal mail_01/1 user defined signal 2"})
		w.do(control.Order{Verb: "resume", Names: []string{"mail:mail_00"}}) // the user knows better, for this run
		w.edge.log()
		w.available(1000)
		w.after(13 * time.Second)
		equal(t, "resumed", w.edge.only("signal", w.edge.log()), []string{
			"signal mail_01/1 continued", "signal report_00/1 continued", "signal report_01/1 continued", "signal report_02/1 continued"})
	})
}

// Instances end in good order, never the last one of a program, and come again.
func TestFewerWhileShort(t *testing.T) {
	short(t, conf.Pressure{Scale: conf.Rung{Below: 100 << 20}}, func(w *world) {
		w.available(99)
		w.after(10 * time.Second)
		equal(t, "asked", w.edge.only("signal", w.edge.log()), []string{
			"signal report_00/1 terminated", "signal report_01/1 terminated", "signal mail_00/1 terminated"})
		same(t, "states", states(w), "db RUNNING, mail_00 BACKOFF, mail_01 RUNNING, report_00 BACKOFF, report_01 BACKOFF, report_02 RUNNING, web RUNNING")
		if r := w.status("mail:mail_00").LastReason; r == nil || r.Kind != "gave_way" || !strings.Contains(r.Detail, "short of memory") {
			t.Errorf("%+v", r)
		}
		w.available(1000)
		w.after(15 * time.Second)
		equal(t, "the most important first", w.edge.only("spawn", w.edge.log()), []string{"spawn mail_00/2", "spawn report_00/2", "spawn report_01/2"})
	})
}

// At the end one after the other is killed, and never what is safe.
func TestKilledWhileShort(t *testing.T) {
	short(t, conf.Pressure{Kill: conf.Rung{Below: 100 << 20}}, func(w *world) {
		w.available(50)
		w.after(500 * time.Millisecond)
		same(t, "one", len(w.edge.only("kill", w.edge.log())), 1)
		w.after(time.Minute)
		same(t, "all that may be", len(w.edge.only("kill", w.edge.log())), 5)
		same(t, "states", states(w), "db RUNNING, mail_00 BACKOFF, mail_01 BACKOFF, report_00 BACKOFF, report_01 BACKOFF, report_02 BACKOFF, web BACKOFF")
		if r := w.status("web").LastReason; r == nil || r.Kind != "gave_way" || !strings.HasPrefix(r.Detail, "killed: ") {
			t.Errorf("%+v", r)
		}
		w.available(1000)
		w.after(30 * time.Second)
		same(t, "nothing more than was due", len(w.edge.only("kill", w.edge.log())), 0)
		same(t, "after", strings.Count(states(w), "RUNNING"), 7)
	})
}

// Page cache is taken back for as long as it lasts, and a shutdown ends all of it.
func TestCacheIsTakenBackWhileShort(t *testing.T) {
	short(t, conf.Pressure{Reclaim: conf.Rung{Full: 0.2}}, func(w *world) {
		w.has(hostReading{available: 1 << 30, full: 19})
		w.after(2 * time.Second)
		same(t, "under the line", len(w.edge.log()), 0)
		w.has(hostReading{available: 1 << 30, full: 21})
		w.after(2500 * time.Millisecond)
		equal(t, "reclaims", w.edge.log(), []string{"reclaim", "reclaim", "reclaim"})
		w.do(control.Order{Verb: "shutdown"})
		w.after(5 * time.Second)
		same(t, "reclaims", len(w.edge.only("reclaim", w.edge.log())), 0)
	})
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A rung stays in force for its relief, but nobody dies of a shortage that is over.
func TestKillsEndWithTheShortage(t *testing.T) {
	short(t, conf.Pressure{Kill: conf.Rung{Below: 100 << 20}}, func(w *world) {
		w.available(50)
		w.after(500 * time.Millisecond)
		w.available(120) // over the line, and not well yet
		w.after(30 * time.Second)
		same(t, "killed", len(w.edge.only("kill", w.edge.log())), 1)
	})
}
