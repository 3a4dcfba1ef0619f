package programs

import "time"

// Step is the life of an instance: what follows from an event. It has no
// effects, keeps nothing, and never fails; what makes no sense in a state, or
// speaks of a run that is no more, changes nothing.
func Step(p Policy, s State, m Moment, e Event) (State, []Action) {
	t := &step{p: p, s: s, m: m}
	switch e := e.(type) {
	case Start:
		t.start()
	case Stop:
		t.stop(AskedStop, e.Now)
	case Restart:
		t.restart()
	case RecycleNow:
		t.due(e.Why)
	case Admit:
		t.admit(e.Overlap)
	case Spawned:
		t.spawned(e.Run)
	case SpawnFailed:
		t.spawnFailed(e.Run)
	case Ready:
		t.ready(e.Run)
	case JobsDone:
		t.jobsDone(e.Run, e.N)
	case Crossed:
		t.crossed(e.Run)
	case OverLimit:
		t.overLimit(e.Run)
	case Unwell:
		t.unwell(e.Run, e.Well)
	case Stuck:
		t.stuck(e.Run)
	case Held:
		t.held(e.On)
	case GiveWay:
		t.giveWay(AskedGiveWay, false)
	case Sacrificed:
		t.giveWay(AskedSacrifice, true)
	case MainExited:
		t.mainExited(e)
	case Emptied:
		t.emptied(e.Run)
	case Adopted:
		t.adopted(e)
	case Unborn:
		t.unborn(e.Run)
	case Found:
		t.found(e)
	case Tick:
	}
	t.tick()
	return t.s, t.acts
}

// step is one call of Step while it is worked out.
type step struct {
	p    Policy
	s    State
	m    Moment
	acts []Action
}

func (t *step) do(a Action) { t.acts = append(t.acts, a) }

// run finds a live run by number.
func (t *step) run(n uint64) *Run {
	switch {
	case n == 0:
		return nil
	case t.s.Cur.N == n:
		return &t.s.Cur
	case t.s.Side.N == n:
		return &t.s.Side
	}
	return nil
}

func (t *step) enter(r *Run, ph Phase) {
	r.Phase, r.Since, r.Until = ph, t.m.At, 0
}

// newRun makes the next run and asks for its process.
func (t *step) newRun() Run {
	t.s.LastN++
	r := Run{N: t.s.LastN}
	t.enter(&r, Spawning)
	t.do(Spawn{r.N})
	return r
}

func (t *step) start() {
	t.s.Want = true
	if t.s.Cur.Live() {
		return // wanted again while it ends: the end starts it
	}
	t.s.Tries, t.s.Level = 0, 0
	t.beginUnlessHeld()
}

// begin starts a run of an instance that has none.
func (t *step) begin() {
	t.s.Again, t.s.Rest = 0, Stopped
	t.s.Cur = t.newRun()
}

func (t *step) stop(asked Asked, now bool) {
	t.s.Want, t.s.Due, t.s.Slot = false, NoWhy, false
	if !t.s.Cur.Live() {
		if t.s.Rest == Waiting {
			t.s.Rest, t.s.Again = Stopped, 0
		}
	}
	t.end(&t.s.Cur, asked, NoWhy, now)
	t.end(&t.s.Side, asked, NoWhy, now)
}

func (t *step) restart() {
	if !t.s.Cur.Live() {
		t.start()
		return
	}
	t.stop(AskedRestart, false)
	t.s.Want = true
}

// end begins to end a run, or hurries one that is ending.
func (t *step) end(r *Run, asked Asked, why Why, now bool) {
	if !r.Live() {
		return
	}
	if r.Phase == Spawning { // nothing to signal yet: spawned goes on from here
		r.Asked, r.Why, r.Hurry = asked, why, r.Hurry || now
		return
	}
	if r.Phase == Leftover { // it ended before it was asked
		if now {
			t.kill(r)
		}
		return
	}
	if asked == AskedRecycle && r.Asked == AskedUnhealthy {
		return // it ends already, and for a better reason
	}
	r.Asked, r.Why = asked, why
	if now {
		if r.Phase != Killing {
			t.kill(r)
		}
		return
	}
	if r.Phase == Starting || r.Phase == Running {
		t.enter(r, Stopping)
		r.Until = t.m.At + t.p.StopWait
		t.do(Lift{r.N})
		t.do(SignalStop{r.N})
	}
}

// unwell ends a run that has stopped doing its work, as gracefully as any.
func (t *step) unwell(n uint64, well time.Duration) {
	if r := &t.s.Cur; r.N == n && r.Phase == Running {
		r.Well = well
		t.end(r, AskedUnhealthy, NoWhy, false)
	}
}

func (t *step) kill(r *Run) {
	t.enter(r, Killing)
	r.Until = t.m.At + killAgain
	r.Kills = min(r.Kills+1, maxKills)
	t.do(Kill{r.N})
}

func (t *step) spawned(n uint64) {
	r := t.run(n)
	if r == nil || r.Phase != Spawning {
		return
	}
	r.Born = t.m.At
	r.MaxJobs, r.MaxAge = drawLimits(t.p, t.m.Draw)
	t.enter(r, Starting)
	r.Until = t.m.At + t.p.StartWait
	if t.p.NeedReady {
		r.Until = t.m.At + readyWait
	}
	switch {
	case r.Asked != AskedNothing:
		t.end(r, r.Asked, r.Why, r.Hurry)
	case r.Said:
		t.up(r)
	}
}

func (t *step) spawnFailed(n uint64) {
	r := t.run(n)
	if r == nil || r.Phase != Spawning {
		return
	}
	asked, up := r.Asked, *r
	t.s.Last = Reason{Run: n, Kind: KindSpawnFailed, Asked: asked, Exit: Exit{Code: -1}, At: t.m.At}
	if n == t.s.Side.N {
		t.s.Side = Run{}
		t.overlapFailed(up)
		return
	}
	t.s.Cur = Run{}
	t.promote()
	if t.s.Cur.Live() {
		return
	}
	t.s.Due = NoWhy
	switch {
	case !t.s.Want:
		t.s.Rest = Stopped
	case asked == AskedRestart: // a start that was asked for, like any
		t.s.Tries, t.s.Level = 0, 0
		t.begin()
	case asked == AskedGiveWay || asked == AskedSacrifice:
		t.beginUnlessHeld()
	default:
		t.failed(KindSpawnFailed, Run{N: n})
	}
}

func (t *step) ready(n uint64) {
	r := t.run(n)
	switch {
	case r == nil:
	case r.Phase == Spawning:
		r.Said = true // a quick one: spawned goes on from here
	case r.Phase == Starting:
		t.up(r)
	}
}

// up counts a run as RUNNING; the replacement of an overlap takes over.
func (t *step) up(r *Run) {
	t.enter(r, Running)
	r.Up = true
	t.s.Tries = 0
	if r.N != t.s.Side.N {
		t.s.Slot = false
		return
	}
	why := t.s.Due
	t.s.Cur, t.s.Side = t.s.Side, t.s.Cur
	t.s.Due = NoWhy
	t.end(&t.s.Side, AskedRecycle, why, false)
}

// tick lets what is due by now happen; every event ends with it, so that a
// deadline that has passed is never overtaken by a later fact.
func (t *step) tick() {
	t.tickRun(&t.s.Cur)
	t.tickRun(&t.s.Side)
	if !t.s.Cur.Live() && t.s.Rest == Waiting && t.s.Again != 0 && t.m.At >= t.s.Again {
		t.begin()
	}
	r := &t.s.Cur
	if r.Phase == Running && t.s.Due == NoWhy && !t.s.Slot && r.MaxAge > 0 && t.m.At >= r.Born+r.MaxAge {
		t.s.Due = MaxAge
	}
}

func (t *step) tickRun(r *Run) {
	if !r.Live() || r.Until == 0 || t.m.At < r.Until {
		return
	}
	switch r.Phase {
	case Starting:
		if t.p.NeedReady {
			t.end(r, AskedUnready, NoWhy, false)
			return
		}
		t.up(r)
	case Stopping:
		r.Forced = true
		t.kill(r)
	case Leftover, Killing:
		t.kill(r)
	}
}
