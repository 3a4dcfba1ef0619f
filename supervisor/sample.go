package supervisor

import (
	"context"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/history"
)

// sample is what the sampler remembers of a run.
type sample struct {
	at            time.Time
	measure, swap int64
}

// sampler looks at the runs from time to time: for what the kernel does not
// tell (growth into swap), and for everything where the kernel holds no limits.
// It is asleep while no run has a line.
func (h *host) sampler(ctx context.Context) {
	timer := time.NewTimer(programs.SampleCalm) // who holds the limits is not asked yet: look early once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		enforced := h.tree.Mode() == cgroup.Enforced
		wait := programs.SampleMost
		if !enforced {
			wait = programs.SampleCalm
		}
		for _, p := range h.all() {
			wait = min(wait, p.sample(enforced))
			p.keepScores(time.Now()) // on the way: it never wakes anybody
		}
		r := h.hostReading()
		wait = min(wait, h.watermark(r))
		h.history.look(r, time.Now(), wait, func() map[string]history.Program { return h.usage(enforced) })
		timer.Reset(wait)
	}
}

// sample compares a reading with the run's lines and says when to look again.
func (p *process) sample(enforced bool) time.Duration {
	rules := p.prog.Load()
	line, most := int64(rules.Recycle.MaxMemory), int64(rules.Limits.MemoryMax)
	if enforced {
		return p.backUp(line)
	}
	none := line == 0 && rules.Limits.MemoryMax == conf.Unlimited
	if none && !p.needsLook() {
		return programs.SampleMost
	}
	r, err := p.comp.Read()
	if err != nil {
		return programs.SampleMost
	}
	p.measured(&r)
	p.learn(r.Measure)
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
	if last.at.IsZero() {
		return programs.SampleLow
	}
	return programs.NextSample(most-r.Measure, r.Measure-last.measure, r.At.Sub(last.at))
}

// backUp looks for what the kernel's events do not tell. A run that cannot be
// over its line costs two small reads.
func (p *process) backUp(line int64) time.Duration {
	current, swap, err := p.comp.Charged()
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
		p.judge(true)
	}
	if swap > 0 {
		return programs.SampleCalm // the host pushes it into swap: it can grow there unseen
	}
	return programs.SampleMost
}
