package programs

import "time"

// The end of a run, and what follows from it.

func (t *step) mainExited(e MainExited) {
	r := t.run(e.Run)
	if r == nil || r.Phase == Spawning {
		return
	}
	if r.Phase == Leftover { // known before; told again after a takeover, when all may be over
		if !e.Left {
			t.over(r)
		}
		return
	}
	r.Exit = e.Exit
	if !e.Left {
		t.over(r)
		return
	}
	if r.Phase == Killing {
		return // cgroup.kill is out for all of them
	}
	t.enter(r, Leftover)
	r.Until = t.m.At + t.p.LeftoverWait
	t.do(SignalRest{r.N})
}

func (t *step) emptied(n uint64) {
	r := t.run(n)
	if r != nil && (r.Phase == Leftover || r.Phase == Killing) {
		t.over(r)
	}
}

// over ends a run: its cgroup is empty.
func (t *step) over(r *Run) {
	kind, why := classify(t.p, *r)
	ended := *r
	t.s.Last = Reason{Run: r.N, Kind: kind, Why: why, Exit: r.Exit, Asked: r.Asked, Up: r.Up,
		At: t.m.At, Lived: t.m.At - r.Born, Jobs: r.Jobs}
	t.do(Release{r.N})
	if r == &t.s.Side {
		t.s.Side = Run{}
		if ended.N > t.s.Cur.N { // the replacement never came up
			t.overlapFailed(ended)
		} else { // the predecessor is gone: the recycle is complete
			t.s.Slot = false
		}
		return
	}
	t.s.Cur = Run{}
	t.promote()
	if !t.s.Cur.Live() {
		t.next(kind, ended)
	}
}

// promote makes the other run of an overlap the instance's only one.
func (t *step) promote() {
	if !t.s.Side.Live() {
		return
	}
	t.s.Cur, t.s.Side = t.s.Side, Run{}
	t.s.Due = NoWhy
	if t.s.Cur.Phase == Running {
		t.s.Slot = false
	}
}

// next decides what an instance without a run does.
func (t *step) next(kind Kind, ended Run) {
	if !t.s.Want {
		t.s.Rest, t.s.Slot, t.s.Due = Stopped, false, NoWhy
		return
	}
	t.s.Due = NoWhy
	switch {
	case ended.Asked == AskedGiveWay || ended.Asked == AskedSacrifice:
		t.beginUnlessHeld()
	case ended.Asked == AskedRecycle || ended.Asked == AskedRestart || ended.Asked == AskedStop:
		t.begin()
	case kind == KindUnknown && t.p.AutoRestart == RestartNever:
		t.rest(Exited) // it may have done its work: never twice
	case kind == KindUnknown:
		t.begin() // counts for nothing: how it ended is not known, and it happens once per takeover
	case kind == KindRecycled:
		if t.m.At-ended.Born < pace && ended.Jobs == 0 && t.p.CountsJobs {
			t.wait(ended.Born + pace)
			return
		}
		t.begin()
	case kind.fails(t.p, ended.Up) || !ended.Up:
		t.failed(kind, ended)
	case t.p.AutoRestart == RestartAlways, t.p.AutoRestart == RestartUnexpected && kind == KindKilled:
		t.begin()
	default:
		t.rest(Exited)
	}
}

// failed decides after a crash, an OOM kill, or a start that did not hold.
func (t *step) failed(kind Kind, ended Run) {
	oom := kind == KindOOMKilled || kind == KindHostOOMKilled
	unwell := ended.Asked == AskedUnhealthy // it ran, and was to run anew: autorestart and startretries are of other ends
	switch {
	case ended.Up && t.p.AutoRestart == RestartNever && !unwell:
		t.rest(Exited)
	case t.p.StartRetries >= 0 && !ended.Up:
		t.s.Tries++
		wait, fatal := retry(t.s.Tries, t.p.StartRetries)
		if fatal {
			t.s.Tries = 0
			t.rest(Fatal)
			return
		}
		t.wait(t.m.At + wait)
	case t.p.StartRetries >= 0 && !oom && !unwell:
		t.begin() // supervisord: EXITED is started again at once
	default:
		var lived time.Duration
		if ended.Born != 0 {
			lived = t.m.At - ended.Born
		}
		if unwell {
			lived = ended.Well // one that is never well would be started anew for ever, a start and its checks apart
		}
		wait, level := backoff(t.s.Level, ended.Up, lived, t.m.Draw)
		t.s.Level = level
		if wait == 0 {
			t.begin()
			return
		}
		t.wait(t.m.At + wait)
	}
}

// overlapFailed keeps the old run at work and tries again later.
func (t *step) overlapFailed(ended Run) {
	t.s.Slot = false
	wait, level := backoff(max(t.s.Level, 1), false, 0, t.m.Draw)
	t.s.Level, t.s.Again = level, t.m.At+wait
	if ended.Asked == AskedStop || !t.s.Want {
		t.s.Again = 0
	}
}

func (t *step) wait(until time.Duration) {
	t.s.Rest, t.s.Again = Waiting, until
	t.s.Slot = false
}

func (t *step) rest(r Rest) {
	t.s.Rest, t.s.Again, t.s.Want = r, 0, false
	t.s.Slot, t.s.Level = false, 0
}
