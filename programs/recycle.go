package programs

import "time"

// drawLimits draws a run's own max_jobs and max_age, once: the jitter takes
// away up to its share, so that workers started together do not recycle together.
func drawLimits(p Policy, draw float64) (jobs int, age time.Duration) {
	share := 1 - p.Jitter*draw
	if p.MaxJobs > 0 {
		jobs = max(int(float64(p.MaxJobs)*share+0.5), 1)
	}
	if p.MaxAge > 0 {
		age = max(time.Duration(float64(p.MaxAge)*share), 1)
	}
	return jobs, age
}

// due notes that a recycle is wanted. The first reason stays, but memory, which
// cannot wait, takes the place of the others.
func (t *step) due(why Why) {
	// Who is being replaced by an overlap needs no recycle. A replacement may fall due
	// itself, from the moment at which it is asked for.
	if !t.s.Want || t.s.Side.N > t.s.Cur.N {
		return
	}
	if ph := t.s.Cur.Phase; ph != Running && ph != Starting && ph != Spawning {
		return
	}
	if t.s.Cur.Asked != AskedNothing { // before there was a process: the run is on its way out
		return
	}
	if t.s.Due == NoWhy || why.urgent() && !t.s.Due.urgent() {
		t.s.Due = why
	}
}

func (w Why) urgent() bool { return w == MaxMemory || w == Wedged || w == Host }

func (t *step) jobsDone(n uint64, jobs int) {
	r := t.run(n)
	if r == nil || jobs <= 0 {
		return
	}
	r.Jobs += jobs
	if r == &t.s.Cur && r.MaxJobs > 0 && r.Jobs >= r.MaxJobs {
		t.due(MaxJobs)
	}
}

// crossed: the tripwire is lifted in any case, since a throttled worker can
// neither finish its job nor obey. A run that is over the line before it has
// done anything would be over it again after a recycle: it is left alone.
func (t *step) crossed(n uint64) {
	r := t.run(n)
	if r == nil {
		return
	}
	if r.Phase == Starting || r.Phase == Running {
		t.do(Lift{n})
	}
	if r != &t.s.Cur || r.Outgrew {
		return
	}
	if t.m.At < r.Born+t.p.MinLifetime && r.Jobs == 0 {
		r.Outgrew = true
		return
	}
	t.due(MaxMemory)
}

func (t *step) overLimit(n uint64) {
	if r := t.run(n); r != nil && (r.Phase == Starting || r.Phase == Running || r.Phase == Stopping) {
		r.Asked = AskedLimit
		t.kill(r)
	}
}

func (t *step) stuck(n uint64) {
	if r := t.run(n); r != nil && r == &t.s.Cur {
		t.do(Lift{n})
		t.due(Wedged)
	}
}

// eligibleAt is when a due recycle may begin at the earliest.
func (s State) eligibleAt(p Policy) time.Duration {
	return max(s.Cur.Born+p.MinLifetime, s.Again)
}

// Eligible reports whether the instance has a recycle due that may begin now,
// if the pool grants it a slot.
func (s State) Eligible(p Policy, now time.Duration) bool {
	return s.Due != NoWhy && !s.Slot && s.Cur.Phase == Running && !s.Side.Live() && now >= s.eligibleAt(p)
}

// admit begins the recycle that is due.
func (t *step) admit(overlap bool) {
	if !t.s.Eligible(t.p, t.m.At) {
		return
	}
	t.s.Slot, t.s.Again = true, 0
	if overlap {
		t.s.Side = t.newRun()
		return
	}
	why := t.s.Due
	t.s.Due = NoWhy
	t.end(&t.s.Cur, AskedRecycle, why, false)
}
