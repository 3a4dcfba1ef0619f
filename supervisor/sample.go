package supervisor

import (
	"context"
	"maps"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/history"
	"bulkhead/supervisor/resident"
)

// sample is what was found of a run.
type sample struct {
	at            time.Time
	measure, swap int64
}

// sampler looks at the runs from time to time: for what the kernel does not
// tell (growth into swap), and for everything where the kernel holds no limits.
func (h *host) sampler(ctx context.Context) {
	defer context.AfterFunc(ctx, h.alarm.timer.close)()
	h.sampleSoon() // who holds the limits is not asked yet: look early once
	var lost programs.Loss
	for h.alarm.wait() {
		h.alarm.within(h.round(h.hostReading(), &lost))
	}
}

// sampleSoon has the sampler look within [programs.SampleCalm]: at a run that it does not
// know, or not by its lines of now.
func (h *host) sampleSoon() {
	h.still.disturb()
	h.alarm.within(programs.SampleCalm)
}

// round looks at the host, and at every run that may have changed, and says when to do
// that again.
func (h *host) round(r hostReading, lost *programs.Loss) time.Duration {
	now := time.Now()
	ran, known := h.tree.CPUTime() // before the looks: what runs meanwhile counts as later
	enforced := h.tree.Mode() == cgroup.Enforced
	all, swapped := false, false
	if enforced {
		swap, err := h.tree.Swapped()
		swapped = swap > 0 || err != nil
		all = h.history.due(now, programs.SampleMost) // it wants to know what is charged to each
	} else {
		*lost = lost.Follow(r.memory.available+r.memory.swapFree, r.memory.total > 0)
	}
	wait := time.Duration(0)
	if known && h.still.lasts(now, ran) {
		wait = h.still.pass.Again(swapped)
	} else {
		pass := h.still.begin(now, ran, known)
		if enforced {
			h.lookAtAll(pass, func(p *process) time.Duration { return p.follow(pass, all, swapped) })
		} else {
			h.lookAtAll(pass, func(p *process) time.Duration { return p.look(pass, lost.Bytes) })
		}
		wait = h.still.pass.Next
		if !h.still.pass.Whole && h.bornWithin(programs.SampleMost, now) {
			wait = min(wait, programs.SampleCalm) // as soon as what was started is up and runs no more, all rest
		}
		if all {
			resident.SmallPages() // of what the heap has given back since; the sampler is up anyway
		}
	}
	wait = min(wait, h.watermark(r))
	h.history.look(r, now, wait, func() map[string]history.Program {
		if h.still.used == nil {
			h.still.used = h.usage(enforced)
		}
		return maps.Clone(h.still.used)
	})
	return wait
}

// lookAtAll makes a pass that has just begun. look says when to look at a run again.
func (h *host) lookAtAll(pass programs.Pass, look func(*process) time.Duration) {
	line := int64(0)
	for _, p := range h.all() {
		pass.Next = min(pass.Next, look(p))
		seen := p.keepScores(pass) // on the way: it never wakes anybody
		pass.Whole = pass.Whole && seen && p.ran == pass.Ran
		line = max(line, int64(p.prog.Load().Recycle.WhenAvailableBelow))
	}
	h.still.found(pass, line)
}

// look samples the run unless what was seen of it still holds, and says when to look again.
func (p *process) look(pass programs.Pass, lost int64) time.Duration {
	if p.relook.Swap(false) {
		p.looked = programs.Looked{}
	}
	if rest := p.looked.Rest(pass.At, lost); rest > 0 && !p.missedBy(pass) {
		p.confirmed.Store(int64(pass.At.Sub(processStart)))
		return rest
	}
	return p.sample(pass, lost)
}

// missedBy says that the pass looks early at what has run since this run was looked at.
func (p *process) missedBy(pass programs.Pass) bool { return pass.Early && p.ran != pass.Ran }

// sample compares a reading with the run's lines and says when to look again; lost is
// what the host has lost by now.
func (p *process) sample(pass programs.Pass, lost int64) time.Duration {
	rules := p.prog.Load()
	line, most := int64(rules.Recycle.MaxMemory), int64(rules.Limits.MemoryMax)
	none := line == 0 && rules.Limits.MemoryMax == conf.Unlimited
	if none && !p.needsLook() && !p.missedBy(pass) {
		return programs.SampleMost
	}
	r, err := p.comp.Read()
	if err != nil {
		return programs.SampleMost
	}
	p.measured(&r)
	p.learn(r.Measure)
	p.ran = pass.Ran
	p.mu.Lock()
	last := p.grown
	p.grown = sample{r.At, r.Measure, r.Swap}
	over, began := false, false
	if line > 0 {
		over, began = p.overLine(r.Measure)
	}
	p.mu.Unlock()
	switch {
	case none:
		return programs.SampleMost
	case r.Measure >= most:
		p.host.post(overLimit{p.ref, r.Measure})
	case over:
		p.host.post(crossed{p.ref, r.Measure, true})
	case began:
		p.host.post(bursting{p.ref, r.Measure})
	}
	if line > 0 && r.Measure < line {
		most = line
	}
	l := programs.Looked{At: r.At, Next: programs.SampleLow, Lost: lost}
	if !last.at.IsZero() {
		l.Next = programs.NextSample(most-r.Measure, r.Measure-last.measure, r.At.Sub(last.at))
		l.Still = r.Measure == last.measure
	}
	if line == 0 || r.Measure < line { // over it, it is judged again and again
		l.Room = most - r.Measure
	}
	if l.Room <= 0 {
		p.ran = restless
	}
	p.looked = l
	return l.Next
}

// follow looks at a run of which the kernel tells: if all are to be looked at, if its line is
// another, if the kernel may have nothing to tell of it, if the pass looks early, or if something
// of some run is in swap and it is time again. It says when to do that next.
func (p *process) follow(pass programs.Pass, all, swapped bool) time.Duration {
	if !p.relook.Swap(false) && !all && !p.unheard() && !p.missedBy(pass) {
		if !swapped {
			return programs.SampleMost
		}
		if rest := p.looked.Rest(pass.At, 0); rest > 0 {
			return rest
		}
	}
	p.ran = pass.Ran
	next := p.backUp(swapped)
	p.looked = programs.Looked{At: pass.At, Next: next}
	return next
}

// unheard says that the kernel may have nothing to tell when the run crosses its line.
func (p *process) unheard() bool {
	p.mu.Lock()
	deaf := p.deaf
	p.mu.Unlock()
	return deaf || p.raised()
}

// backUp looks for what the kernel's events do not tell. A run that cannot be
// over its line costs one small read, or two where something may be in swap.
func (p *process) backUp(swapped bool) time.Duration {
	line := int64(p.prog.Load().Recycle.MaxMemory)
	current, swap, err := p.comp.Charged(swapped)
	p.charge.Store(current + swap)
	if err == nil && p.mayLearn(current+swap) {
		if r, err := p.comp.Read(); err == nil {
			p.learn(r.Measure)
		}
	}
	if err != nil || line == 0 {
		return programs.SampleMost
	}
	if current+swap >= line || p.raised() {
		p.ran = restless
		p.judge(true)
	}
	if swap > 0 {
		return programs.SampleCalm // the host pushes it into swap: it can grow there unseen
	}
	return programs.SampleMost
}
