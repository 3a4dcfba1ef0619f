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
	if line == 0 && rules.Limits.MemoryMax == conf.Unlimited {
		return programs.SampleMost
	}
	r, err := p.comp.Read()
	if err != nil {
		return programs.SampleMost
	}
	p.mu.Lock()
	last := p.grown
	p.grown = sample{r.At, r.Measure, r.Swap}
	p.mu.Unlock()
	switch {
	case r.Measure >= most:
		p.host.post(overLimit{p.ref, r.Measure})
	case line > 0 && r.Measure >= line:
		p.host.post(crossed{p.ref, r.Measure, true})
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
