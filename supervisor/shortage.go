package supervisor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// The host's shortage of memory: the loop climbs the ladder of programs/ladder.go when
// the kernel tells of pressure or the sampler finds a shortage near, looks again every
// stepsApart for as long as it lasts, and undoes what it did one program at a time.
// Between shortages it does not look at all.

// stepsApart is how long one step has to take effect before the next.
const stepsApart = time.Second

// killsApart is how long a kill has to give its memory back, and the figures to show it.
const killsApart = 3 * time.Second

// shortage is what the loop remembers of it.
type shortage struct {
	at     programs.Ladder
	next   time.Duration // when to look again; 0: when the kernel tells
	looked time.Duration // when it was looked last
	last   hostReading   // what was read then
	killed time.Duration // when an instance was killed last
}

// hostReading is the host's memory as an edge reads it.
type hostReading struct {
	available int64         // bytes
	some      float64       // percent of the last 10 s in which some tasks waited for memory
	full      float64       // in which all did
	waited    time.Duration // all tasks, ever

	// Written down, and nothing is decided by it.
	memory     meminfo
	someWaited time.Duration // some tasks, ever
}

// sinceLast is the share of the time since the last look in which all tasks waited, in percent: the
// average of 10 s goes on rising and lasting after what it is about. Without
// a recent look that average must do.
func (s *shortage) sinceLast(r hostReading, now time.Duration) float64 {
	since, waited := now-s.looked, r.waited-s.last.waited
	if since < stepsApart/2 || since > 5*stepsApart {
		return r.full
	}
	return 100 * float64(waited) / float64(since)
}

// shortageNear is what must be available for nobody to look: the highest line and half
// as much again, bytes.
func shortageNear(p conf.Pressure) int64 {
	most := max(p.Hold.Below, p.Pause.Below, p.Scale.Below, p.Reclaim.Below, p.Kill.Below)
	return int64(most) * 3 / 2
}

func ladderRules(p conf.Pressure) programs.LadderRules {
	rule := func(r conf.Rung) programs.RungRule {
		return programs.RungRule{Below: int64(r.Below), Full: 100 * r.Full}
	}
	return programs.LadderRules{Relief: p.Relief, Near: shortageNear(p), Rungs: [...]programs.RungRule{
		programs.Hold: rule(p.Hold), programs.Pause: rule(p.Pause), programs.Scale: rule(p.Scale),
		programs.Reclaim: rule(p.Reclaim), programs.Sacrifice: rule(p.Kill),
	}}
}

// safe are services that the ladder leaves alone: those that the config protects from
// the kernel too, and who only listens.
func safe(p *conf.Program) bool {
	return p.Limits.MemoryMin > 0 || p.Total.MemoryMin > 0 || p.Process.OOMScoreAdj < 0 || p.Listener != nil
}

func (l *loop) onRung(r programs.Rung) bool {
	return l.short.at.InForce(ladderRules(l.config.Host.Pressure), r)
}

// heldBack says that the instance is not to be started now.
func (l *loop) heldBack(in *instance) bool {
	return !safe(in.prog.conf) && (l.onRung(programs.Hold) || !in.state.Cur.Live() && l.mustWait(in.prog))
}

// tickShortage looks again when it is time.
func (l *loop) tickShortage() {
	if l.short.next != 0 && l.now() >= l.short.next && l.ending == nil {
		l.ease(l.edge.hostReading())
	}
}

// ease takes a reading to the ladder and does what is due on its rung.
func (l *loop) ease(r hostReading) {
	if l.ending != nil {
		return
	}
	was, now := l.short.at.Rung, l.now()
	wait := min(stepsApart, programs.NextHostSample(r.available-int64(l.config.Host.Pressure.Kill.Below),
		l.short.last.available-r.available, now-l.short.looked)) // sooner, where memory goes faster
	r.full = l.short.sinceLast(r, now)
	l.short.looked, l.short.last = now, r
	rules, seen := ladderRules(l.config.Host.Pressure), programs.HostReading{At: now, Available: r.available, Full: r.full}
	l.short.at = l.short.at.Look(rules, seen)
	if rung := l.short.at.Rung; rung != was {
		l.tellShort(fmt.Sprintf("%s -> %s", was, rung), r)
	}
	l.climb(rules.Due(seen), r)
	undone := l.undo()
	l.short.next = 0
	if l.short.at.Rung != programs.Ground || !undone || r.available < shortageNear(l.config.Host.Pressure) {
		l.short.next = now + wait
	}
}

// climb does one step of every rung that is in force and still due.
func (l *loop) climb(due programs.Rung, r hostReading) {
	if due < programs.Pause {
		return
	}
	step := func(rung programs.Rung) bool { return due >= rung && l.onRung(rung) }
	all, who := l.candidates()
	if step(programs.Pause) {
		for _, i := range programs.ToPause(all) {
			in := who[i]
			if t := l.orderSignal(in, control.Order{Verb: "pause"}); t.Outcome.Fault == control.NoFault {
				in.hostPaused = in.state.Cur.N
				l.tellShort(in.conf.FullName()+" is paused", r)
			}
		}
	}
	if step(programs.Scale) {
		for _, i := range programs.ToEnd(all) {
			l.giveWay(who[i], programs.GiveWay{}, fmt.Sprintf("%s, which holds %s, is ended", who[i].conf.FullName(), control.Size(all[i].Held)), r)
		}
	}
	if step(programs.Reclaim) {
		l.edge.reclaim()
	}
	if !step(programs.Sacrifice) || l.short.killed != 0 && l.now() < l.short.killed+killsApart {
		return
	}
	all, who = l.candidates()
	if i, ok := programs.ToKill(all); ok {
		l.short.killed = l.now()
		l.giveWay(who[i], programs.Sacrificed{}, fmt.Sprintf("%s is killed, the least important: it holds %s%s",
			who[i].conf.FullName(), control.Size(all[i].Held), usually(all[i].Usual)), r)
	}
}

func usually(bytes int64) string {
	if bytes == 0 { // it has too few siblings to tell
		return ""
	}
	return ", usual are " + control.Size(bytes)
}

func (l *loop) giveWay(in *instance, e programs.Event, what string, r hostReading) {
	in.gaveWay = true
	l.stale[in] = true
	l.hold(in) // it comes again when it may
	l.step(in, e)
	l.tellShort(what, r)
}

// undo takes back what is in force no more, of each kind for one program at a time, the
// most important first. It reports whether nothing is left to undo.
func (l *loop) undo() bool {
	all, undone := l.sorted(), true
	for _, kind := range []struct {
		due func(in *instance) bool
		do  func(in *instance) bool
	}{
		{func(in *instance) bool {
			return in.gaveWay && !l.onRung(programs.Scale) && !l.onRung(programs.Sacrifice)
		}, l.comeBack},
		{func(in *instance) bool { return in.hostPaused != 0 && !l.onRung(programs.Pause) }, l.unpause},
		{func(in *instance) bool { return in.state.Held && !in.gaveWay && !l.onRung(programs.Hold) }, l.letGo},
	} {
		var now *program
		for _, in := range all {
			switch {
			case !kind.due(in):
			case (now == nil || now == in.prog) && kind.do(in):
				now = in.prog
			default:
				undone = false
			}
		}
	}
	return undone
}

// hold keeps an instance from being started; who runs, runs on.
func (l *loop) hold(in *instance) {
	if !in.state.Held {
		l.step(in, programs.Held{On: true})
	}
}

// letGo starts what was held, unless it has to wait for others.
func (l *loop) letGo(in *instance) (done bool) {
	if in.state.WaitsForMemory() && l.mustWait(in.prog) {
		return false
	}
	l.step(in, programs.Held{})
	return true
}

func (l *loop) comeBack(in *instance) (done bool) {
	if !l.letGo(in) {
		return false
	}
	in.gaveWay = false
	l.stale[in] = true
	return true
}

// unpause lets a worker go on that was paused for the host, unless it is another by now.
func (l *loop) unpause(in *instance) (done bool) {
	if in.hostPaused == in.paused && in.paused != 0 {
		l.orderSignal(in, control.Order{Verb: "resume"})
	}
	in.hostPaused = 0
	l.stale[in] = true
	return true
}

// sorted are all instances, the most important first.
func (l *loop) sorted() []*instance {
	var out []*instance
	for _, p := range l.inOrder() {
		out = append(out, p.instances...)
	}
	return out
}

// candidates are the instances as the ladder sees them.
func (l *loop) candidates() ([]programs.Candidate, []*instance) {
	var all []programs.Candidate
	var who []*instance
	for n, p := range l.inOrder() {
		first := len(all)
		var sizes []int64
		for _, in := range p.instances {
			r := in.state.Cur
			c := programs.Candidate{Program: n, Group: p.conf.GroupPriority, Priority: p.conf.Priority, Safe: safe(p.conf), Born: r.Born,
				Pausable: p.conf.PauseSignal != 0 && r.Phase == programs.Running && in.paused != r.N &&
					in.hostPaused != r.N, // else somebody let it go on
				Live: r.Phase == programs.Starting || r.Phase == programs.Running}
			if f := in.facts(r.N); c.Live && !c.Safe && f.live != nil {
				c.Held = f.live.reading().measure
				sizes = append(sizes, c.Held)
			}
			all, who = append(all, c), append(who, in)
		}
		for i := first; i < len(all); i++ {
			all[i].Usual = median(sizes)
		}
	}
	return all, who
}

// median is what most of them have; of a few it tells nothing.
func median(sizes []int64) int64 {
	if len(sizes) < 3 {
		return 0
	}
	slices.SortFunc(sizes, cmp.Compare)
	return sizes[len(sizes)/2]
}

func (l *loop) tellShort(what string, r hostReading) {
	l.event(nil, 0, control.Event{Kind: "shortage", Message: fmt.Sprintf("%s: %s of memory are available, all tasks waited for it %.0f%% of the time",
		what, control.Size(r.available), r.full)})
}
