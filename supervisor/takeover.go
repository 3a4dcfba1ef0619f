package supervisor

import (
	"fmt"
	"slices"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// found is a run that an earlier supervisor has started, as the edge sees it.
type found struct {
	program, instance string
	run               uint64
	cgroup            uint64         // the kernel's id of its cgroup, 0 none
	alive             bool           // a process of it lives
	inst              *conf.Instance // whose it was, nil when nobody knows
	trace             trace
}

// adoption is what the edge learned of a run that it took over.
type adoption struct {
	pid   int
	live  live
	known runRecord
	born  time.Duration // when its main process was started; 0 unknown
	jobs  uint64        // counted in its output, all together
}

// takeOver goes on where an earlier supervisor stopped: every run that it has
// started is one of ours again, none is started twice, none is forgotten. What
// it remembered and what is found alive need not agree; what is alive counts.
func (l *loop) takeOver(p past) {
	runs, strays := l.claim(p)
	for _, prog := range l.inOrder() {
		for _, in := range prog.instances {
			l.takeOverInstance(in, runs[in], p)
		}
	}
	for _, f := range strays {
		l.stray(f)
	}
	for _, in := range l.instances {
		if in.leaving && in.state.Want { // found, though nobody wants it
			l.step(in, programs.Stop{})
		}
	}
	l.edge.watch()
	for _, prog := range l.inOrder() {
		for _, in := range prog.instances {
			if in.leaving {
				continue
			}
			if _, known := p.instances[in.conf.FullName()]; prog.conf.AutoStart && (!known || !p.running || p.self.Ending) {
				l.step(in, programs.Start{})
			}
		}
	}
}

// claim puts back what is remembered, and says whose each of the found runs is.
func (l *loop) claim(p past) (runs map[*instance][]found, strays []found) {
	type name struct{ program, instance string }
	byName, byRun := map[name]*instance{}, map[runName]*instance{} // of today, and of the birth
	for full, in := range l.instances {
		byName[name{in.prog.conf.Name, in.conf.Name}] = in
		if r, ok := p.instances[full]; ok {
			if p.running {
				in.recall(r, p.reasons[full])
				for n, known := range r.Runs {
					byRun[runName{r.Program, known.Instance, n}] = in
				}
			} else {
				in.recount(r, p.reasons[full])
			}
			l.stale[in], l.changed[in], in.told = true, true, true
		} else if reasons := p.reasons[full]; reasons != nil { // its record is lost alone
			in.reasons, l.changed[in] = reasons, true
		}
	}
	for full := range p.instances {
		if l.instances[full] == nil {
			l.forgotten[full] = true
		}
	}
	all, err := l.edge.find()
	if err != nil {
		l.tellTrouble(trouble{what: "cannot look for what an earlier supervisor started", err: err})
	}
	slices.SortFunc(all, func(a, b found) int { return int(a.run) - int(b.run) })
	runs = map[*instance][]found{}
	for _, f := range all {
		in := byRun[runName{f.program, f.instance, f.run}]
		if in == nil {
			in = byName[name{f.program, f.instance}]
		}
		if in == nil {
			in = l.unwritten(f)
		}
		if in != nil {
			byName[name{f.program, f.instance}] = in
			runs[in] = append(runs[in], f)
			continue
		}
		strays = append(strays, f)
	}
	return runs, strays
}

// unwritten makes the instance of a run whose program had more instances than
// was written down: it is one that leaves, with all that its program says of an end.
func (l *loop) unwritten(f found) *instance {
	prog := l.programs[f.program]
	if prog == nil || !f.alive {
		return nil
	}
	c, ok := prog.conf.InstanceNamed(f.instance)
	if !ok || l.instances[c.FullName()] != nil {
		return nil
	}
	in := l.addInstance(prog, &c)
	in.leaving = true
	return in
}

// takeOverInstance adopts the runs of one instance: first those that nobody
// remembers and that are alive, then those that are remembered.
func (l *loop) takeOverInstance(in *instance, all []found, p past) {
	remembered, taken := map[uint64]found{}, map[uint64]bool{}
	for _, f := range all {
		known := in.facts(f.run).known
		switch {
		case in.current(f.run) && (known.Cgroup == 0 || f.cgroup == 0 || known.Cgroup == f.cgroup):
			remembered[f.run] = f
		case f.alive && !in.current(f.run) && !in.state.Side.Live():
			taken[f.run] = true
			a := l.adopt(ref{in, f.run}, f)
			l.step(in, programs.Found{Run: f.run, Born: a.born})
			l.tellAdopted(in, f.run, a, p)
			l.handle(jobsDone{ref{in, f.run}, 0, a.jobs})
		default:
			in.state.LastN = max(in.state.LastN, f.run)
			f.inst = in.conf
			l.stray(f)
		}
	}
	for _, r := range []programs.Run{in.state.Cur, in.state.Side} {
		if !r.Live() || taken[r.N] {
			continue
		}
		f, traced := remembered[r.N]
		if r.Phase == programs.Spawning && !f.alive && in.facts(r.N).known.PID == 0 {
			l.takeOverUnborn(in, r.N, f, traced)
			continue
		}
		a := l.adopt(ref{in, r.N}, f)
		l.step(in, programs.Adopted{Run: r.N, Born: a.born, Lost: p.lost})
		l.tellAdopted(in, r.N, a, p)
		l.handle(jobsDone{ref{in, r.N}, 0, a.jobs}) // what was read and not written down any more
	}
}

// takeOverUnborn goes on with a start that was asked for and of which no process
// is there. Without a trace it was never begun, and is now; unless a later run
// is there (the memory is older than it), so that this one has been and is over.
func (l *loop) takeOverUnborn(in *instance, run uint64, f found, traced bool) {
	if !traced && max(in.state.Cur.N, in.state.Side.N) == run {
		l.act(in, programs.Spawn{Run: run})
		return
	}
	if traced {
		f.inst = in.conf
		l.stray(f)
	}
	l.step(in, programs.Unborn{Run: run})
}

// adopt has the edge take over a run.
func (l *loop) adopt(r ref, f found) adoption {
	facts := r.in.facts(r.n)
	a := l.edge.adopt(r, r.in.prog.conf, r.in.conf, f, facts.known)
	if a.born == 0 || a.born > l.now() {
		a.born = l.now()
	}
	if a.known.Started.IsZero() {
		a.known.Started = time.Now().Add(a.born - l.now())
	}
	facts.pid, facts.live, facts.started, facts.known = a.pid, a.live, a.known.Started, a.known
	if r.in.startedAt.IsZero() {
		r.in.startedAt = facts.started
	}
	return a
}

func (l *loop) tellAdopted(in *instance, run uint64, a adoption, p past) {
	l.changed[in], l.stale[in] = true, true
	l.event(in, run, control.Event{Kind: "adopted", PID: a.pid, Message: fmt.Sprintf("taken over from %s", p.from())})
}

// stray is a run that is nobody's: its program is in no configuration and in no
// memory, or it has ended and nothing but its output is left of it.
func (l *loop) stray(f found) {
	stop := f.alive && !l.keepsOrphans()
	if f.alive {
		what := "is left running, as orphans = \"keep\" says"
		if stop {
			what = "is stopped"
		}
		l.event(nil, f.run, control.Event{Kind: "orphan", Name: f.program + ":" + f.instance,
			Message: fmt.Sprintf("%s:%s (run %d) runs, and is not in the configuration: %s", f.program, f.instance, f.run, what)})
	}
	l.edge.stray(f, stop)
}
