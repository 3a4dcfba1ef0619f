package programs

// What a new supervisor makes of the runs that an earlier one has started. It
// gives every instance its Found runs first, then its Adopted ones; those that
// have ended meanwhile get their MainExited last. So a run that is alive keeps
// a dead one from being replaced.

// adopted goes on with a run. What a lost supervisor had asked
// last may have stayed a wish, so it is asked again: a worker that never got
// its stop signal would take jobs until it is killed in the middle of one.
func (t *step) adopted(e Adopted) {
	r := t.run(e.Run)
	if r == nil {
		return
	}
	switch r.Phase {
	case Spawning:
		t.spawned(e.Run)
		if r = t.run(e.Run); r != nil && e.Born < r.Born {
			r.Born = e.Born
		}
	case Stopping:
		if e.Lost {
			r.Until = max(r.Until, t.m.At+t.p.StopWait)
			t.do(Lift{r.N})
			t.do(SignalStop{r.N})
		}
	case Leftover:
		if e.Lost {
			r.Until = max(r.Until, t.m.At+t.p.LeftoverWait)
			t.do(SignalRest{r.N})
		}
	case Killing:
		t.kill(r)
	}
}

// unborn starts anew what never came to be. Where that could be a second time
// of something that is to be done once, or nobody wants it any more, it counts as ended.
func (t *step) unborn(n uint64) {
	r := t.run(n)
	if r == nil || r.Phase != Spawning {
		return
	}
	if t.p.AutoRestart == RestartNever || r.Asked != AskedNothing || !t.s.Want {
		r.Born, r.Exit = t.m.At, Exit{Code: -1, Unknown: true}
		t.over(r)
		return
	}
	t.do(Release{n})
	*r = t.newRun()
}

// found takes in a run that was started after the last words of its supervisor,
// or whose memory is lost. It is up: nobody knows better, and its start is over.
func (t *step) found(e Found) {
	if e.Run == 0 || t.run(e.Run) != nil || t.s.Side.Live() {
		return
	}
	r := Run{N: e.Run, Born: e.Born, Up: true}
	r.MaxJobs, r.MaxAge = drawLimits(t.p, t.m.Draw)
	t.enter(&r, Running)
	t.s.LastN = max(t.s.LastN, e.Run)
	switch {
	case !t.s.Cur.Live():
		t.s.Want, t.s.Rest, t.s.Again = true, Stopped, 0
		t.s.Cur = r
	case e.Run > t.s.Cur.N: // it was to replace the other
		t.s.Side, t.s.Cur = t.s.Cur, r
		t.s.Want, t.s.Slot, t.s.Due = true, true, NoWhy
		t.end(&t.s.Side, AskedRecycle, Requested, false)
	default: // it was being replaced
		t.s.Side = r
		t.s.Slot = true
		t.end(&t.s.Side, AskedRecycle, Requested, false)
	}
}
