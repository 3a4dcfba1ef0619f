package supervisor

import (
	"fmt"
	"time"

	"bulkhead/cgroup"
	"bulkhead/supervisor/control"
)

// bursting is the news that a run is over max_memory and let be, for now.
type bursting struct {
	ref
	measure int64
}

// overLine compares a measure with max_memory, as the profile says. began says
// that this is the beginning of a burst. The caller holds the lock.
func (p *process) overLine(measure int64) (over, began bool) {
	rules := p.prog.Load()
	lenient, now, was := leniencyOf(rules), time.Now(), p.burst
	over, p.burst = lenient.Judge(was, int64(rules.Recycle.MaxMemory), measure, now)
	if p.burst.IsZero() || over {
		p.stopLasting()
		return over, false
	}
	if p.lasting == nil && p.host.tree.Mode() == cgroup.Enforced { // else the sampler looks often
		p.lasting = time.AfterFunc(p.burst.Add(lenient.Span).Sub(now), p.lasted)
	}
	return false, was.IsZero()
}

// lasted looks at a burst when its time is over.
func (p *process) lasted() {
	p.mu.Lock()
	p.lasting = nil
	enforced := !p.tripped && !p.burst.IsZero()
	p.mu.Unlock()
	if enforced {
		p.judge(true)
	}
}

// stopLasting ends the wait for the end of a burst. The caller holds the lock.
func (p *process) stopLasting() {
	if p.lasting != nil {
		p.lasting.Stop()
		p.lasting = nil
	}
}

// tellBurst tells of a run's first burst; a worker may have one in every job.
func (l *loop) tellBurst(e bursting) {
	if !e.in.current(e.n) || e.in.burst == e.n {
		return
	}
	e.in.burst = e.n
	r := e.in.prog.conf.Recycle
	l.event(e.in, e.n, control.Event{Kind: "burst", Message: fmt.Sprintf("over max_memory, and let be for at most %s: %s of %s (profile permissive)",
		r.BurstTime, control.Size(e.measure), control.Size(int64(r.MaxMemory)))})
}
