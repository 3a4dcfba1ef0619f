package supervisor

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// tell is the one place where a change of state becomes known: what ended, and
// which state was left for which.
func (l *loop) tell(in *instance, old, next programs.State) {
	if next.Last != old.Last {
		l.tellEnd(in, next.Last)
	}
	if next.Due != old.Due && next.Due != programs.NoWhy {
		l.event(in, next.Cur.N, control.Event{Kind: "recycle_due", Message: fmt.Sprintf("a recycle is due: %s", next.Due)})
	}
	if next.Cur.Outgrew && !old.Cur.Outgrew {
		l.event(in, next.Cur.N, control.Event{Kind: "outgrown",
			Message: "over max_memory right after its start; a recycle would not help, so it is left running: raise max_memory"})
	}
	l.tellRuns(in, old, next)
	l.toldBoard(in, old, next)
	if l.config.Supervisor.LogStyle == styleSupervisord {
		l.logAsSupervisord(in, old, next)
	}
	from, to := old.Public(), next.Public()
	if from == to {
		return
	}
	l.event(in, next.LastN, control.Event{Kind: "state", From: from.String(), To: to.String(),
		PID: in.facts(next.Cur.N).pid, Message: fmt.Sprintf("%s -> %s", from, to)})
}

// tellRuns tells of each run what the instance's state does not show, while two
// of them overlap or at any time.
func (l *loop) tellRuns(in *instance, old, next programs.State) {
	for _, r := range []programs.Run{next.Cur, next.Side} {
		was := runOf(old, r.N)
		if !r.Live() || r == was {
			continue
		}
		pid := in.facts(r.N).pid
		entered := func(p programs.Phase) bool { return r.Phase == p && was.Phase != p }
		switch {
		case entered(programs.Running):
			l.event(in, r.N, control.Event{Kind: "ready", PID: pid, Message: "is up"})
		case entered(programs.Stopping):
			l.event(in, r.N, control.Event{Kind: "stopping", PID: pid, Message: "asked to end: " + wantOf(r, in.facts(r.N))})
		case entered(programs.Leftover):
			l.event(in, r.N, control.Event{Kind: "leftovers", Message: "the main process ended, others of its cgroup did not: they got SIGTERM"})
		case r.Kills > killsExpected && r.Kills != was.Kills:
			l.event(in, r.N, control.Event{Kind: "unkillable",
				Message: fmt.Sprintf("still not empty after %d kills: a process hangs in the kernel", r.Kills)})
		}
	}
}

// killsExpected is how often cgroup.kill may have to be written before something
// is wrong: a second apart each.
const killsExpected = 3

func wantOf(r programs.Run, f *runFacts) string {
	switch r.Asked {
	case programs.AskedRecycle:
		return "recycle, " + r.Why.String()
	case programs.AskedRestart:
		return "restart"
	case programs.AskedGiveWay, programs.AskedSacrifice:
		return "the host is short of memory"
	case programs.AskedUnready:
		return "it did not get ready"
	case programs.AskedUnhealthy:
		return "unhealthy, " + unhealthyWords(f)
	}
	return "stop"
}

func runOf(s programs.State, n uint64) programs.Run {
	switch n {
	case s.Cur.N:
		return s.Cur
	case s.Side.N:
		return s.Side
	}
	return programs.Run{}
}

// tellEnd makes the reason of a run's end and counts it.
func (l *loop) tellEnd(in *instance, r programs.Reason) {
	facts := in.facts(r.Run)
	reason := explain(r, facts, in.prog.conf, time.Now())
	if r.Kind != programs.KindSpawnFailed || begun(facts.failure) {
		in.stoppedAt = reason.At
	}
	switch r.Kind {
	case programs.KindRecycled:
		in.recycles++
	case programs.KindOOMKilled, programs.KindHostOOMKilled:
		in.oomKills++
	}
	unasked := r.Asked == programs.AskedNothing || r.Asked == programs.AskedUnhealthy
	if in.state.Want && unasked && r.Kind != programs.KindRecycled {
		in.restarts++
	}
	if in.paused == r.Run {
		in.paused = 0
	}
	in.told = true
	in.reasons = append([]control.Reason{reason}, in.reasons[:min(len(in.reasons), keepReasons-1)]...)
	l.event(in, r.Run, control.Event{Kind: "ended", PID: facts.pid, Reason: &reason, Message: reason.Words()})
}

// begun reports that a start failed in a process that was there already, as for want of its
// directory: to supervisord that is an end. A command that is not found is none.
func begun(failure error) bool {
	var e *spawn.Error
	return errors.As(failure, &e) && e.Step != spawn.StepExec
}

// event writes one line of the journal and of the log, and has people told.
func (l *loop) event(in *instance, run uint64, e control.Event) { l.eventBut(in, run, e, "") }

// eventBut is event for all but those who are told by the way of that key.
func (l *loop) eventBut(in *instance, run uint64, e control.Event, except string) {
	e.At = time.Now()
	e.Run = run
	fields := []zap.Field{zap.String("kind", e.Kind), zap.Uint64("run", run)}
	if in != nil {
		e.Name = in.conf.FullName()
		fields = append(fields, zap.String("name", e.Name))
	}
	if e.PID != 0 {
		fields = append(fields, zap.Int("pid", e.PID))
	}
	if e.Reason != nil {
		fields = append(fields, zap.String("reason", e.Reason.Kind), zap.String("detail", e.Reason.Detail))
	}
	for k, v := range e.Fields {
		fields = append(fields, zap.String(k, v))
	}
	l.alertPeople(in, l.journal.add(e), except)
	if l.config.Supervisor.LogStyle == styleSupervisord && toldInOtherWords(e.Kind) {
		return
	}
	if quiet(e.Kind) {
		l.log.Debug(e.Message, fields...)
		return
	}
	if loud(e) {
		l.log.Warn(e.Message, fields...)
		return
	}
	l.log.Info(e.Message, fields...)
}

func quiet(kind string) bool { return kind == "ready" || kind == "tripwire_moved" }

func loud(e control.Event) bool {
	switch e.Kind {
	case "unkillable", "outgrown", "trouble", "failing", "oom_score", "spawn_failed", "pressure", "shortage", "oom_kill":
		return true
	case "ended":
		return e.Reason.Kind != "recycled" && e.Reason.Kind != "stopped" && e.Reason.Kind != "exited"
	}
	return e.To == "FATAL"
}

func (l *loop) tellCrossed(e crossed) {
	if _, told := e.in.crossed[e.n]; told || !e.in.current(e.n) {
		return
	}
	e.in.crossed[e.n] = struct{}{}
	how := "the kernel's tripwire"
	if e.sampled {
		how = "sampling"
	}
	l.event(e.in, e.n, control.Event{Kind: "tripwire", Message: fmt.Sprintf("over max_memory: %s of %s, told by %s",
		control.Size(e.measure), control.Size(int64(e.in.prog.conf.Recycle.MaxMemory)), how)})
}

func (l *loop) tellMoved(e wireMoved) {
	if e.in.current(e.n) {
		l.event(e.in, e.n, control.Event{Kind: "tripwire_moved",
			Message: fmt.Sprintf("%s of page cache, not the program's: tripwire now at %s", control.Size(e.cache), control.Size(e.to))})
	}
}

func (l *loop) tellOver(e overLimit) {
	if e.in.current(e.n) {
		l.event(e.in, e.n, control.Event{Kind: "over_limit", Message: fmt.Sprintf("%s is over memory_max %s, told by sampling: killed",
			control.Size(e.measure), control.Size(int64(e.in.prog.conf.Limits.MemoryMax)))})
	}
}

func (l *loop) tellTrouble(e trouble) {
	l.event(e.in, e.n, control.Event{Kind: "trouble", Message: fmt.Sprintf("%s: %v", e.what, e.err)})
}

// current reports whether a run is one of the instance's live ones.
func (in *instance) current(n uint64) bool {
	return n != 0 && (in.state.Cur.N == n || in.state.Side.N == n)
}

func (l *loop) tellNote(what string) {
	l.event(nil, 0, control.Event{Kind: "supervisor", Message: what})
}

const stateLost = "the state cannot be written, a new supervisor would not know what has changed"

// stateTrouble is state that cannot be written down, or is written again.
type stateTrouble struct{ err error }

func (t stateTrouble) do(l *loop) {
	e := control.Event{Kind: "trouble", Message: "the state is written again"}
	if t.err != nil {
		e.Message = fmt.Sprintf("%s: %v", stateLost, t.err)
	}
	l.event(nil, 0, e)
}

// logTrouble is a log file that loses output, or takes it again.
type logTrouble struct {
	path string
	lost int64
	err  error
}

func (t logTrouble) do(l *loop) {
	e := control.Event{Kind: "trouble", Fields: map[string]string{"path": t.path, "lost_bytes": fmt.Sprint(t.lost)}}
	if t.err != nil {
		e.Message = fmt.Sprintf("output to %q is being lost: %v", t.path, t.err)
	} else {
		e.Message = fmt.Sprintf("output to %q is written again; %d bytes were lost", t.path, t.lost)
	}
	l.event(nil, 0, e)
}
