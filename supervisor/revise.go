package supervisor

import (
	"errors"
	"fmt"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// revise gives the run the program's new rules while it goes on. held says what stays
// as it was until the next run, and why: the kernel would answer it by killing the
// job in hand, or has no way to do it to a process that runs.
func (p *process) revise(next *conf.Program) (held []string) {
	rules := *next
	old := p.prog.Load()
	if why := p.overNewMax(old, &rules); why != "" {
		held = append(held, why)
		rules.Limits.MemoryMax = old.Limits.MemoryMax
	}
	for _, r := range withdrawn(old.Process.Rlimits, rules.Process.Rlimits) {
		held = append(held, fmt.Sprintf("limits.%s stays %d until its next run: what it was before is not known", r.Name, r.Value))
	}
	p.prog.Store(&rules)
	p.host.still.disturb()
	p.reviseWire(&rules)
	p.reviseLeniency(old, &rules)
	if old.Limits != rules.Limits {
		p.lane.do(func() { p.applyLimits(limitsOf(rules.Limits)) })
	}
	if adjust, differs := adjustment(old.Process, rules.Process); differs {
		p.lane.do(func() {
			if adjust.OOMScoreAdj == nil {
				p.adjust(adjust)
				return
			}
			p.setScores(*adjust.OOMScoreAdj, func() { p.adjust(adjust) })
		})
	}
	return held
}

// overNewMax says why the run cannot get a lower memory_max now: what it uses is
// over it already, and the kernel would kill it for that.
func (p *process) overNewMax(old, next *conf.Program) string {
	if next.Limits.MemoryMax >= old.Limits.MemoryMax {
		return ""
	}
	r, err := p.comp.Read()
	if err != nil || r.Measure-r.Swap < int64(next.Limits.MemoryMax) { // swap is not charged to it
		return ""
	}
	return fmt.Sprintf("limits.memory_max stays %s until its next run: %s of the new %s are in use",
		maxText(old.Limits.MemoryMax), control.Size(r.Measure-r.Swap), control.Size(int64(next.Limits.MemoryMax)))
}

func maxText(b conf.Bytes) string {
	if b == conf.Unlimited {
		return "max"
	}
	return control.Size(int64(b))
}

// withdrawn are limits that the configuration does not set any more.
func withdrawn(old, next []conf.Rlimit) (out []conf.Rlimit) {
	set := map[string]bool{}
	for _, r := range next {
		set[r.Name] = true
	}
	for _, r := range old {
		if !set[r.Name] {
			out = append(out, r)
		}
	}
	return out
}

// applyLimits runs in the lane: lowering a limit may make the kernel reclaim.
// memory.high is where the wire has it.
func (p *process) applyLimits(l cgroup.Limits) {
	p.mu.Lock()
	if p.host.tree.Mode() == cgroup.Enforced {
		l.MemoryHigh = p.wire.At
	}
	p.mu.Unlock()
	if err := p.comp.Apply(l); err != nil && !errors.Is(err, cgroup.ErrGone) {
		p.host.post(trouble{p.ref, "cannot change its limits", err})
	}
}

// adjustment is what has to be done to processes that run under old rules.
func adjustment(old, next conf.ProcessLimits) (a spawn.Adjustment, differs bool) {
	if old.OOMScoreAdj != next.OOMScoreAdj {
		a.OOMScoreAdj = &next.OOMScoreAdj
	}
	if old.Nice != next.Nice {
		a.Nice = &next.Nice
	}
	was := map[conf.Rlimit]bool{}
	for _, r := range old.Rlimits {
		was[r] = true
	}
	for _, r := range next.Rlimits {
		if !was[r] {
			a.Rlimits = append(a.Rlimits, rlimitsOf([]conf.Rlimit{r})...)
		}
	}
	return a, a.OOMScoreAdj != nil || a.Nice != nil || len(a.Rlimits) > 0
}

// adjust does it to every process of the run. One that it forks at this very moment
// may have the old values.
func (p *process) adjust(a spawn.Adjustment) {
	pids, err := p.comp.Procs()
	if err != nil && !errors.Is(err, cgroup.ErrGone) {
		p.host.post(trouble{p.ref, "cannot change its process limits", err})
	}
	for _, pid := range pids {
		if err := spawn.Adjust(pid, a); err != nil {
			p.host.post(trouble{p.ref, "cannot change its process limits", err})
			return // the others would say the same
		}
	}
}
