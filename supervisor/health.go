package supervisor

import (
	"cmp"
	"fmt"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// Whether what runs is well. The loop has it asked and judges nothing itself: see
// programs.Health. What is known of it ends with the run, or with the supervisor.

// checked is the answer to a check that the loop has asked for.
type checked struct {
	ref
	what string // was asked: "http http://127.0.0.1:8080/ping"; of the one that failed
	err  error  // nil: all is well
	off  bool   // it came to nothing
}

// triggered: the run says itself that it is unhealthy (WATCHDOG=trigger).
type triggered struct{ ref }

// signs are when a run last showed that it is alive; the zero time is never.
type signs struct{ output, pet time.Time }

// checkup is what is looked at of an instance's run. WATCHDOG=1 is wanted only of one
// that was told at its start, and no more often than it was told.
func (l *loop) checkup(in *instance, f *runFacts) programs.Checkup {
	c := checkupOf(in.prog.conf, in.conf)
	if c.Watchdog > 0 {
		if c.Watchdog = max(c.Watchdog, f.known.Watchdog); f.known.Watchdog == 0 {
			c.Watchdog = 0
		}
	}
	return c
}

// looked returns the run that is looked at now; false when there is none: it is not
// up, or is paused and has every right to do nothing.
func (l *loop) looked(in *instance) (f *runFacts, c programs.Checkup, ok bool) {
	r := in.state.Cur
	if !in.prog.watched || r.Phase != programs.Running || in.paused == r.N {
		return nil, c, false
	}
	f = in.facts(r.N)
	c = l.checkup(in, f)
	return f, c, c.Wanted()
}

// tickHealth has done what is due by now: checks, and what has been missing for too long.
func (l *loop) tickHealth() {
	now := l.now()
	l.lookedAt = now
	for _, p := range l.programs {
		if !p.watched {
			continue
		}
		for _, in := range p.instances {
			l.look(in, now)
		}
	}
}

func (l *loop) look(in *instance, now time.Duration) {
	f, c, ok := l.looked(in)
	if !ok {
		if n := in.state.Cur.N; n != 0 {
			l.lookAway(in, in.facts(n))
		}
		return
	}
	if f.health.Begun == 0 {
		if f.health.Asked {
			return // a check of before is under way: there is only one at a time
		}
		f.health = programs.Look(c, programs.Moment{At: now, Draw: l.draw()}, in.state.Cur.Since) // each its own chance
		l.changed[in] = true
	}
	if f.health.Overdue(c, now) != programs.NoCause {
		s := l.edge.signs(ref{in, in.state.Cur.N})
		f.health = f.health.Heard(l.momentOf(s.output), l.momentOf(s.pet))
	}
	if cause := f.health.Overdue(c, now); cause != programs.NoCause {
		l.unwell(in, missing(cause, c))
		return
	}
	if f.health.Due(now) {
		f.health = f.health.Ask()
		l.edge.check(ref{in, in.state.Cur.N}, in.prog.conf, in.conf)
	}
}

// lookAway forgets what is known of a run's health, but that a check is under way.
func (l *loop) lookAway(in *instance, f *runFacts) {
	if f.health.Begun != 0 {
		f.health = programs.Health{Asked: f.health.Asked}
		f.failing = checked{}
		l.changed[in] = true
	}
}

// rulesOfHealth are what the instances of a program are looked at by.
func rulesOfHealth(p *program) map[*instance]string {
	rules := make(map[*instance]string, len(p.instances))
	for _, in := range p.instances {
		rules[in] = fmt.Sprintf("%v %q", p.conf.Health, in.conf.Checks)
	}
	return rules
}

// lookAnew begins anew with those whose rules are others than before.
func (l *loop) lookAnew(p *program, before map[*instance]string) {
	for in, rules := range rulesOfHealth(p) {
		if rules == before[in] {
			continue
		}
		for _, f := range in.runs {
			l.lookAway(in, f)
		}
	}
}

// heldWatchdog says what of a new watchdog a run is not held to.
func (l *loop) heldWatchdog(in *instance, n uint64, was conf.Health) []string {
	now, told := in.prog.conf.Health.Watchdog, in.facts(n).known.Watchdog
	switch {
	case now == was.Watchdog || now == 0:
	case told == 0:
		return []string{"health.watchdog holds from its next run on: it was not told at its start to say WATCHDOG=1"}
	case told > now:
		return []string{fmt.Sprintf("health.watchdog stays %v until its next run: that is what it was told at its start", told)}
	}
	return nil
}

// onChecked takes in an answer. One to a question of before is none.
func (l *loop) onChecked(e checked) {
	if !e.in.current(e.n) {
		return
	}
	f, c, ok := l.looked(e.in)
	if !ok || e.in.state.Cur.N != e.n || f.health.Begun == 0 {
		e.in.facts(e.n).health.Asked = false
		return
	}
	if e.off {
		f.health = f.health.Abandon(c, l.moment())
		return
	}
	before := l.healthText(e.in)
	var found programs.Finding
	f.health, found = f.health.Answer(c, l.moment(), e.err == nil)
	if f.failing = e; e.err == nil {
		f.failing = checked{}
	}
	now := l.healthText(e.in)
	if now != before {
		l.changed[e.in] = true
	}
	switch found {
	case programs.BeginsFail:
		l.event(e.in, e.n, control.Event{Kind: "failing", Message: fmt.Sprintf("%s (%s)", now, e.what)})
	case programs.WellAgain:
		l.event(e.in, e.n, control.Event{Kind: "healthy", Message: "is healthy again"})
	case programs.IsUnhealthy:
		l.unwell(e.in, fmt.Sprintf("%s: %v, %d in a row", e.what, e.err, f.health.Failed))
	}
}

func (l *loop) onTriggered(e triggered) {
	if f, _, ok := l.looked(e.in); ok && e.in.state.Cur.N == e.n && f.known.Watchdog > 0 {
		l.unwell(e.in, "it said WATCHDOG=trigger")
	}
}

// unwell has the run ended. Why is kept with it, for the reason of its end may be
// made by a successor.
func (l *loop) unwell(in *instance, why string) {
	f := in.facts(in.state.Cur.N)
	f.known.Unwell = why
	l.step(in, programs.Unwell{Run: in.state.Cur.N, Well: f.health.WellFor()})
}

// missing says what was not seen for too long.
func missing(cause programs.Cause, c programs.Checkup) string {
	switch cause {
	case programs.ByWatchdog:
		return fmt.Sprintf("no WATCHDOG=1 for %v", c.Watchdog)
	case programs.BySilence:
		return fmt.Sprintf("no output for %v", c.Silent)
	}
	return fmt.Sprintf("no finished job for %v", c.Idle)
}

// worked notes finished jobs.
func (l *loop) worked(in *instance, n uint64) {
	if f := in.runs[n]; f != nil && f.health.Begun != 0 {
		f.health = f.health.Worked(l.now())
	}
}

// healthDeadline is when to look at an instance again, 0 when it waits for nothing.
func (l *loop) healthDeadline(in *instance) time.Duration {
	f, c, ok := l.looked(in)
	if !ok || f.health.Begun == 0 {
		return 0
	}
	at, _ := f.health.Deadline(c)
	return at
}

// healthText is what status shows, "" where nothing is looked at.
func (l *loop) healthText(in *instance) string {
	f, c, ok := l.looked(in)
	if !ok {
		return ""
	}
	h := f.health
	switch {
	case h.Failed > 0:
		return fmt.Sprintf("failing %d/%d: %v", h.Failed, c.Retries, f.failing.err)
	case !c.Asks || h.Once:
		return "healthy"
	case f.failing.err != nil:
		return fmt.Sprintf("starting: %v", f.failing.err)
	}
	return "starting"
}

// momentOf is a time as the loop counts; 0 is never.
func (l *loop) momentOf(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return l.before + t.Sub(l.epoch) + 1
}

// unhealthyWords say why a run was ended as unhealthy.
func unhealthyWords(f *runFacts) string {
	return cmp.Or(f.known.Unwell, "it stopped doing its work")
}
