package supervisor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

// A stall of this share of the window is a pressure event. A window of 2 s is
// what an unprivileged supervisor may have too.
const (
	stallWindow = 2 * time.Second
	stallMost   = time.Second
)

// watchMemory waits for the kernel's memory events where there are any.
func (p *process) watchMemory() {
	if p.host.tree.Mode() != cgroup.Enforced {
		p.host.sampleSoon()
		return
	}
	p.watchWire()
	if p.prog.Load().Limits.MemoryHigh == conf.Unlimited {
		return
	}
	fd, err := p.comp.PressureTrigger(true, stallMost, stallWindow)
	if err != nil {
		return // a kernel without PSI: the sampler and memory_max remain
	}
	p.mu.Lock()
	p.pressure = fd
	p.mu.Unlock()
	if err := p.host.poll.add(fd, unix.EPOLLPRI, p.onPressure); err != nil {
		p.host.post(trouble{p.ref, "memory pressure cannot be watched", err})
	}
}

// watchWire waits for the tripwire, if the run has one and is not watched yet.
func (p *process) watchWire() {
	p.mu.Lock()
	wanted := p.wire.Line > 0 && !p.watched
	p.watched = p.watched || wanted
	p.mu.Unlock()
	if !wanted {
		return
	}
	fd, err := p.comp.EventsFD()
	if err == nil {
		err = p.host.poll.add(fd, unix.EPOLLPRI, p.onMemory)
	}
	if err != nil && !errors.Is(err, cgroup.ErrGone) {
		p.mu.Lock()
		p.deaf = true
		p.mu.Unlock()
		p.host.post(trouble{p.ref, "the tripwire cannot be watched, sampling holds max_memory", err})
	}
	p.onMemory() // it may have fired before it was watched
}

// reviseWire puts the wire where the new rules say, unless the run is on its way out.
func (p *process) reviseWire(rules *conf.Program) {
	if p.host.tree.Mode() != cgroup.Enforced {
		p.relook.Store(true)
		p.host.sampleSoon()
		return
	}
	wire := wireOf(rules)
	at := wire.High
	if wire.Line > 0 {
		at = wire.Arm()
	}
	p.mu.Lock()
	from := p.wire.At
	wire.At = from
	changed := wire != p.wire && !p.tripped
	if changed {
		wire.At = at
		p.wire = wire
	}
	p.mu.Unlock()
	if !changed {
		return
	}
	if at != from {
		p.setHigh(at)
	}
	p.watchWire()
	p.relook.Store(true) // it may be over the line, and asks for no memory: no event
	p.host.sampleSoon()
}

// reviseLeniency looks anew at a run that is let be: it may be over the line now.
func (p *process) reviseLeniency(old, rules *conf.Program) {
	p.mu.Lock()
	lasting := !p.burst.IsZero()
	p.mu.Unlock()
	if lasting && leniencyOf(old) != leniencyOf(rules) && p.host.tree.Mode() == cgroup.Enforced {
		p.judge(true)
	}
}

func (p *process) unwatchMemory() {
	if fd, err := p.comp.EventsFD(); err == nil {
		p.host.poll.remove(fd)
	}
	p.mu.Lock()
	p.stopLasting()
	fd := p.pressure
	p.pressure = 0
	p.mu.Unlock()
	if fd > 0 {
		p.host.poll.remove(fd)
		unix.Close(fd)
	}
}

// onMemory takes a reading when the wire, or memory.max, was touched.
func (p *process) onMemory() {
	touched := p.touched()
	p.mu.Lock()
	tripped := p.tripped
	p.mu.Unlock()
	if touched && !tripped {
		p.judge(false)
	}
}

// touched says that the kernel has counted a hit of the wire, or of memory.max, since it
// was asked the last time. Asking also arms the next event.
func (p *process) touched() bool {
	counts, err := p.comp.Counts()
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	touched := counts.High != p.seen.High || counts.Max != p.seen.Max
	p.seen = counts
	return touched
}

// judge compares the measure with the line, within a second of an event or by
// sampling, and moves the wire or tells the crossing.
func (p *process) judge(sampled bool) {
	r, err := p.comp.Read()
	if err != nil {
		return
	}
	measure := r.MeasureFromCurrent
	if sampled {
		measure = r.Measure
	}
	p.mu.Lock()
	if p.wire.Line == 0 { // taken away since it was watched
		p.mu.Unlock()
		return
	}
	over, began := p.overLine(measure)
	wire := p.wire
	if !p.burst.IsZero() {
		wire.Line = leniencyOf(p.prog.Load()).Most // which is not to be crossed unseen either
	}
	verdict := wire.Judge(measure, r.Cache+r.SlabReclaimable)
	verdict.Over = over
	if over || p.tripped {
		verdict.MoveTo = 0
	}
	if verdict.Over {
		p.tripped = true
	}
	if verdict.MoveTo != 0 {
		p.wire.At = verdict.MoveTo
	}
	p.mu.Unlock()
	if began {
		p.host.post(bursting{p.ref, measure})
	}
	switch {
	case verdict.Over:
		if sampled && p.touched() {
			sampled = false // the look came in before the kernel's event was heard
		}
		p.host.post(crossed{p.ref, measure, sampled})
	case verdict.MoveTo != 0:
		p.setHigh(verdict.MoveTo)
		if !sampled && !began {
			p.host.post(wireMoved{p.ref, verdict.MoveTo, r.Cache})
		}
	}
}

// raised reports that the wire stands higher than it was armed: when the cache
// that raised it is gone it has to come down again.
func (p *process) raised() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.tripped && p.wire.At > p.wire.Arm()
}

// lift takes memory.high away for good: the run is to finish and to go.
func (p *process) lift() {
	if p.host.tree.Mode() != cgroup.Enforced {
		return
	}
	p.mu.Lock()
	p.tripped = true
	p.stopLasting()
	p.wire.At = cgroup.Unlimited
	p.mu.Unlock()
	p.setHigh(cgroup.Unlimited)
}

func (p *process) setHigh(to int64) {
	p.lane.do(func() {
		if err := p.comp.SetHigh(to); err != nil && !errors.Is(err, cgroup.ErrGone) {
			p.host.post(trouble{p.ref, "cannot set memory.high", err})
		}
	})
}

// onPressure hears that all of the run's tasks stall on memory, at the user's
// own memory_high.
func (p *process) onPressure() {
	r, err := p.comp.Read()
	if err != nil {
		return
	}
	p.mu.Lock()
	var wedged bool
	p.wedge, wedged = p.wedge.Press(time.Since(processStart)+1, stallWindow, r.Measure, p.jobs)
	p.mu.Unlock()
	if wedged {
		p.host.post(stuck{p.ref})
	}
}

// processStart is where the edge's moments are counted from.
var processStart = time.Now()
