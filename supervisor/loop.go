package supervisor

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/alert"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/listen"
)

// loop owns every program and instance. All of it is touched by run's goroutine
// alone; others send events and read what publisher holds.
type loop struct {
	epoch      time.Time     // moments are counted on the monotonic clock from
	before     time.Duration // before this: the boot, so that they hold for a successor too
	draw       func() float64
	events     chan any
	edge       edge
	log        *zap.Logger
	journal    *journal
	publish    *publisher
	config     *conf.Config
	programs   map[string]*program
	instances  map[string]*instance // of all programs, by full name
	changed    map[*instance]bool   // since the last publication
	auto       autoLogs
	board      listen.Board // what listeners hear
	short      shortage     // the host's, of memory
	pace       pace
	pressed    time.Duration            // when the host\'s pressure was told last, 0 never
	clock      int64                    // when they were told the time last, seconds since 1970
	memory     memory                   // what is remembered while no supervisor runs
	needs      map[string]programs.Need // what an instance of a program has used at most
	stale      map[*instance]bool       // to be remembered anew
	forgotten  map[string]bool          // full names that are to be forgotten
	self       supervisorRecord
	ending     *ending            // set once a shutdown has begun
	givenUp    []string           // instances that were FATAL then
	stopping   chan struct{}      // closed when one has begun
	ticked     time.Duration      // the moment of the last tick
	lookedAt   time.Duration      // the moment of the last look at health
	due        time.Duration      // no instance has a deadline between then and this; 0 not known
	oom        *oomLog            // what the kernel has killed for want of memory
	alerts     *alert.Board       // tells people; nil: nobody
	forewarned bool               // of the end of the host, which has begun ours
	leave      func()             // set once it is to end without stopping anything
	left       bool               // it ends without stopping anything
	takeover   func(l *loop)      // what run begins with; nil: start all
	ready      bool               // the first starts are done, and systemd was told
	systemd    func(state string) // tells it
	begun      chan struct{}      // closed when what run begins with is done and published
	done       chan struct{}      // closed when run has returned
}

func newLoop(c *conf.Config, e edge, log *zap.Logger, j *journal) *loop {
	l := &loop{
		epoch:     time.Now(),
		draw:      rand.Float64,
		events:    make(chan any, 1024),
		edge:      e,
		log:       log,
		journal:   j,
		publish:   newPublisher(),
		config:    c,
		programs:  map[string]*program{},
		instances: map[string]*instance{},
		changed:   map[*instance]bool{},
		memory:    noMemory{},
		needs:     map[string]programs.Need{},
		stale:     map[*instance]bool{},
		forgotten: map[string]bool{},
		oom:       &oomLog{},
		stopping:  make(chan struct{}),
		systemd:   tellSystemd,
		begun:     make(chan struct{}),
		done:      make(chan struct{}),
	}
	return l
}

// define makes the config's programs known, to the edge too. It is called once,
// when the edge can post.
func (l *loop) define() {
	for i, p := range l.config.Programs {
		l.addProgram(p)
		if i == 0 || l.config.Programs[i-1].GroupName != p.GroupName { // they are in the order of groups
			l.notify(listen.Group(p.GroupName, true))
		}
	}
	l.rememberPrograms()
	l.publishAll()
}

// post sends an event to the loop. After its end only what went wrong is of
// interest, and is logged.
func (l *loop) post(e any) {
	select {
	case <-l.done:
		l.late(e)
		return
	default:
	}
	select {
	case l.events <- e:
	case <-l.done:
		l.late(e)
	}
}

func (l *loop) late(e any) {
	switch e := e.(type) {
	case trouble:
		l.log.Warn(e.what, zap.Error(e.err))
	case alertTrouble:
		if e.err != nil {
			l.log.Warn("notifications cannot go out", zap.Stringer("by", e.way), zap.Error(e.err))
		}
	case stateTrouble:
		if e.err != nil {
			l.log.Warn(stateLost, zap.Error(e.err))
		}
	case historyTrouble:
		if e.err != nil {
			l.log.Warn(historyLost, zap.Error(e.err))
		}
	}
}

// run starts what is to be started and handles events until a shutdown is
// complete. ctx ending is the first request for one, as SIGTERM is.
func (l *loop) run(ctx context.Context) {
	defer close(l.done)
	if l.takeover != nil {
		l.takeover(l)
	} else {
		l.startAll()
	}
	l.settle()
	close(l.begun)
	l.ease(l.edge.hostReading()) // what an earlier supervisor held back is held no more, unless it must be
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	asked := ctx.Done()
	l.notify(listen.Event{Type: listen.SupervisorRunning})
	for !l.complete() {
		l.arm(timer)
		select {
		case e := <-l.events:
			l.handle(e)
			l.drain()
		case <-timer.C:
		case <-asked:
			asked = nil
			l.shutdown(false)
		}
		l.settle()
		if l.leave != nil && l.ending == nil {
			l.leave()
		}
	}
	if !l.left {
		l.event(nil, 0, control.Event{Kind: "supervisor", Message: "everything is stopped, ending"})
	}
}

// drain takes the events that wait already, so that a burst is published once.
func (l *loop) drain() {
	for range cap(l.events) {
		select {
		case e := <-l.events:
			l.handle(e)
		default:
			return
		}
	}
}

// settle lets time and turns have their effect, and publishes.
func (l *loop) settle() {
	l.tick()
	l.tickShortage()
	l.tickHealth()
	l.tickBoard()
	l.admit()
	l.collect()
	l.advance()
	l.remember()
	l.publishChanges()
	l.announce()
}

func (l *loop) handle(e any) {
	switch e := e.(type) {
	case spawned:
		l.onSpawned(e)
	case spawnFailed:
		e.in.facts(e.n).failure = e.err
		e.in.startedAt = time.Now() // it was tried, which is what supervisord's clients see
		l.step(e.in, programs.SpawnFailed{Run: e.n})
	case exited:
		e.in.facts(e.n).last = e.last
		l.step(e.in, programs.MainExited{Run: e.n, Exit: e.exit, Left: e.left})
	case emptied:
		l.step(e.in, programs.Emptied{Run: e.n})
	case ready:
		l.step(e.in, programs.Ready{Run: e.n})
	case jobsDone:
		l.step(e.in, programs.JobsDone{Run: e.n, N: l.newJobs(e)})
		l.worked(e.in, e.n)
	case crossed:
		l.tellCrossed(e)
		l.step(e.in, programs.Crossed{Run: e.n})
	case bursting:
		l.tellBurst(e)
	case wireMoved:
		l.tellMoved(e)
	case overLimit:
		l.tellOver(e)
		l.step(e.in, programs.OverLimit{Run: e.n})
	case used:
		l.onUsed(e)
	case checked:
		l.onChecked(e)
	case scored:
		l.onScored(e)
	case triggered:
		l.onTriggered(e)
	case stuck:
		l.step(e.in, programs.Stuck{Run: e.n})
	case output:
		l.onOutput(e)
	case captured:
		l.onCaptured(e)
	case hostPressure:
		l.onHostPressure(e)
	case hostReading:
		l.ease(e)
	case available:
		l.onAvailable(e)
	case killsSeen:
		l.onKills(e)
	case logUnread:
		l.onLogUnread(e)
	case unheard:
		l.onUnheard(e)
	case trouble:
		l.tellTrouble(e)
	case request:
		e.do(l)
	default:
		l.log.Error("internal error: unknown event", zap.Any("event", e))
	}
}

// newJobs is how many of the told jobs were not told before. The output's are
// told as a total: after a takeover some of it may be read a second time.
func (l *loop) newJobs(e jobsDone) int {
	if e.total == 0 {
		l.stale[e.in] = true
		return e.count
	}
	known := &e.in.facts(e.n).known
	if e.total <= known.Counted {
		return 0
	}
	n := e.total - known.Counted
	known.Counted = e.total
	return int(n)
}

// request is something to be done on the loop's goroutine.
type request interface{ do(l *loop) }

func (l *loop) onSpawned(e spawned) {
	f := e.in.facts(e.n)
	f.pid, f.live, f.started = e.pid, e.live, time.Now()
	counted := f.known.Counted // a quick one has told of jobs before
	f.known = e.known
	f.known.PID, f.known.Started, f.known.Counted = f.pid, f.started, counted
	e.in.startedAt = f.started
	for _, w := range e.warnings {
		l.tellTrouble(trouble{e.ref, "started without", w})
	}
	l.step(e.in, programs.Spawned{Run: e.n})
	early := f.early
	f.early = nil
	for _, said := range early {
		l.handle(said)
	}
}

func (l *loop) moment() programs.Moment {
	return programs.Moment{At: l.now(), Draw: l.draw()}
}

// now is never 0, which means "no moment".
func (l *loop) now() time.Duration { return l.before + time.Since(l.epoch) + 1 }

// step gives an instance an event and sees to all that follows from it.
func (l *loop) step(in *instance, e programs.Event) {
	if _, ok := e.(programs.Start); ok && l.heldBack(in) {
		l.hold(in)
	}
	old := in.state
	next, acts := programs.Step(in.prog.policy, old, l.moment(), e)
	in.state = next
	for _, a := range acts { // first what is urgent, then what is said about it
		l.act(in, a)
	}
	l.grow(in, e, acts)
	if next != old {
		l.tell(in, old, next)
		l.changed[in] = true
		if !countsOnly(old, next) {
			l.stale[in] = true
		}
	}
	l.expect(in)
	for n := range in.runs {
		if n != next.Cur.N && n != next.Side.N {
			delete(in.runs, n)
			delete(in.crossed, n)
		}
	}
}

// countsOnly reports that nothing but jobs of the output were counted: those
// are written down where the output is read.
func countsOnly(old, next programs.State) bool {
	old.Cur.Jobs, old.Side.Jobs = next.Cur.Jobs, next.Side.Jobs
	return old == next
}

func (l *loop) act(in *instance, a programs.Action) {
	switch a := a.(type) {
	case programs.Spawn:
		l.edge.spawn(ref{in, a.Run}, in.prog.conf, in.conf)
	case programs.SignalStop:
		r := ref{in, a.Run}
		if in.paused == a.Run { // a paused worker may be a stopped one
			l.edge.signal(r, in.prog.conf.ResumeSignal, false)
			in.paused = 0
		}
		l.edge.signal(r, in.prog.conf.StopSignal, in.prog.conf.StopAsGroup)
	case programs.SignalRest:
		l.edge.signal(ref{in, a.Run}, sigterm, true)
	case programs.Kill:
		l.edge.kill(ref{in, a.Run})
	case programs.Lift:
		l.edge.lift(ref{in, a.Run})
	case programs.Release:
		l.edge.release(ref{in, a.Run})
	}
}

// never is later than every deadline.
const never time.Duration = math.MaxInt64

// tick gives a Tick to every instance whose deadline has passed. While none has, none is
// looked at.
func (l *loop) tick() {
	now := l.now()
	if now < l.due {
		return
	}
	l.ticked, l.due = now, never
	for _, p := range l.programs {
		for _, in := range p.instances {
			if at, ok := in.state.Deadline(p.policy); ok && at <= now {
				l.step(in, programs.Tick{})
			} else {
				l.expect(in)
			}
		}
	}
}

// expect takes note of an instance's deadline. One that was ticked, and is still there,
// waits for a turn, not for time.
func (l *loop) expect(in *instance) {
	if at, ok := in.state.Deadline(in.prog.policy); ok && at > l.ticked {
		l.due = min(l.due, at)
	}
}

// arm sets the one timer for the earliest deadline. That of an instance may have gone
// since it was noted: the tick at that moment finds the next.
func (l *loop) arm(timer *time.Timer) {
	next := l.due
	for _, at := range []time.Duration{l.boardDeadline(), l.short.next} {
		if at != 0 {
			next = min(next, at)
		}
	}
	for _, p := range l.programs {
		if !p.watched {
			continue
		}
		for _, in := range p.instances {
			if at := l.healthDeadline(in); at > l.lookedAt {
				next = min(next, at)
			}
		}
	}
	if next == never {
		timer.Stop()
		return
	}
	timer.Reset(max(next-l.now(), 0))
}

// admit gives due recycles their turn, within each program's parallel.
func (l *loop) admit() {
	for _, p := range l.programs {
		if !slices.ContainsFunc(p.instances, func(in *instance) bool { return in.state.Due != programs.NoWhy }) {
			continue
		}
		states := make([]programs.State, len(p.instances))
		for i, in := range p.instances {
			states[i] = in.state
		}
		for _, i := range programs.Admissible(p.policy, p.conf.Recycle.Parallel, states, l.now()) {
			in := p.instances[i]
			overlap := p.conf.Recycle.Overlap && !l.onRung(programs.Hold) && l.edge.room(p.conf, ref{in, in.state.Cur.N}).Fits()
			l.step(in, programs.Admit{Overlap: overlap})
		}
	}
}
