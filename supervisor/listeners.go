package supervisor

import (
	"fmt"
	"slices"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/listen"
)

// What listeners are told, and what they say, comes together here: the board decides
// (package listen), the edge writes.

// output is what a run printed, where somebody wants to hear it.
type output struct {
	ref
	channel string
	data    []byte
}

// captured is what a run printed between the tokens of capture mode.
type captured struct {
	ref
	channel string
	data    []byte
}

// unheard is an event that could not be written to a listener.
type unheard struct {
	ref
	err error
}

// remoteComm is an event that a client sends.
type remoteComm struct{ kind, data string }

func (q remoteComm) do(l *loop) { l.notify(listen.Remote(q.kind, q.data)) }

// subscribe makes the board know a program as it is defined now.
func (l *loop) subscribe(p *program) {
	if c := p.conf.Listener; c != nil {
		l.board.Subscribe(p.conf.Name, c.Events, c.BufferSize)
	} else {
		l.board.Unsubscribe(p.conf.Name)
	}
}

func (l *loop) server() string { return l.config.Supervisor.Identifier }

// notify gives an event to whoever hears it.
func (l *loop) notify(e listen.Event) { l.carry(l.board.Notify(l.server(), e, l.now())) }

// carry does what the board wants done.
func (l *loop) carry(effects []listen.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case listen.Send:
			if in := l.instances[e.Name]; in != nil {
				l.edge.say(ref{in, e.Run}, e.Data)
			}
		case listen.Overflowed:
			l.log.Error(fmt.Sprintf("pool %s event buffer overflowed, discarding event %d", e.Pool, e.Serial))
		case listen.Rejected:
			l.log.Debug(fmt.Sprintf("event %d was rejected by %s and goes to another listener of pool %s", e.Serial, e.Name, e.Pool))
		case listen.Confused:
			l.event(l.instances[e.Name], e.Run, control.Event{Kind: "trouble", Message: fmt.Sprintf(
				"listener %s: %v -> UNKNOWN: it does not keep to the event protocol, and is told nothing until it is started again", e.Name, e.From)})
		}
	}
}

// toldBoard gives the board the changes of a listener's runs, and everybody what shows
// of the change of an instance.
func (l *loop) toldBoard(in *instance, old, next programs.State) {
	if in.prog.conf.Listener != nil {
		l.changeMembers(in, old, next)
	}
	if len(l.board.Pools) == 0 {
		return
	}
	from := old.Public()
	for _, to := range programs.Passed(old, next) {
		l.notify(l.stateEvent(in, from, to, old, next))
		from = to
	}
	if r := next.Last; r != old.Last {
		l.notifyEnd(in, r)
	}
}

// changeMembers follows the runs of a listener.
func (l *loop) changeMembers(in *instance, old, next programs.State) {
	pool, name := in.prog.conf.Name, in.conf.FullName()
	for _, r := range []programs.Run{next.Cur, next.Side} {
		who, was := listen.Member{Name: name, Run: r.N}, runOf(old, r.N)
		switch {
		case !r.Live():
		case was.N == 0:
			l.board.Born(pool, who)
		case r.Phase == programs.Running && was.Phase != programs.Running:
			l.carry(l.board.Up(l.server(), pool, who, l.now()))
		case r.Phase != programs.Running && was.Phase == programs.Running:
			l.board.Leaving(pool, who)
		}
	}
	for _, r := range []programs.Run{old.Cur, old.Side} {
		if r.Live() && runOf(next, r.N).N == 0 {
			l.carry(l.board.Gone(l.server(), pool, listen.Member{Name: name, Run: r.N}, l.now()))
		}
	}
}

func (l *loop) stateEvent(in *instance, from, to programs.Public, old, next programs.State) listen.Event {
	run, tries := next.Cur.N, next.Tries
	switch {
	case to == programs.EXITED || to == programs.STOPPED && from == programs.STOPPING:
		run = next.Last.Run
	case to == programs.BACKOFF && next.Rest == programs.Fatal && !next.Cur.Live(): // this one was one too many
		tries = old.Tries + 1
	}
	x := next.Last.Exit
	expected := x.Signal == 0 && !x.Unknown && slices.Contains(in.prog.conf.ExitCodes, x.Code)
	return listen.State(in.asProcess(run), from.String(), to.String(), tries, expected)
}

func (in *instance) asProcess(run uint64) listen.Process {
	return listen.Process{Name: in.conf.Name, Group: in.conf.Group, PID: in.facts(run).pid}
}

// notifyEnd tells in bulkhead's own events what supervisord could not know of an end.
func (l *loop) notifyEnd(in *instance, r programs.Reason) {
	t := listen.Ended
	switch r.Kind {
	case programs.KindRecycled:
		t = listen.Recycled
	case programs.KindOOMKilled, programs.KindHostOOMKilled:
		t = listen.OOMKilled
	}
	if !l.board.Wanted(t) {
		return
	}
	reason := in.reasons[0]
	l.notify(listen.End(t, in.asProcess(r.Run), reason.Kind, reason.Detail))
}

// onOutput takes what a run printed: a listener's words, or a line that others want to hear.
func (l *loop) onOutput(e output) {
	p := e.in.prog.conf
	if p.Listener != nil && e.channel == "stdout" {
		l.carry(l.board.Heard(l.server(), p.Name, listen.Member{Name: e.in.conf.FullName(), Run: e.n}, e.data, l.now()))
		return
	}
	if !e.in.withhold(e.n, e) {
		l.notify(listen.Log(e.in.asProcess(e.n), e.channel, e.data))
	}
}

func (l *loop) onCaptured(e captured) {
	if !e.in.withhold(e.n, e) {
		l.notify(listen.Communication(e.in.asProcess(e.n), e.channel, e.data))
	}
}

func (l *loop) onUnheard(e unheard) {
	l.tellTrouble(trouble{e.ref, "an event could not be written to a listener", e.err})
	l.carry(l.board.Lost(l.server(), e.in.prog.conf.Name, listen.Member{Name: e.in.conf.FullName(), Run: e.n}, l.now()))
}

// tickBoard lets the clock have its effect on listeners.
func (l *loop) tickBoard() {
	if len(l.board.Pools) == 0 {
		return
	}
	now := time.Now().Unix()
	for _, e := range listen.Ticks(l.clock, now) {
		l.notify(e)
	}
	l.clock = now
	l.carry(l.board.Tick(l.server(), l.now()))
}

// boardDeadline is when tickBoard has something to do; 0 is never.
func (l *loop) boardDeadline() time.Duration {
	next := time.Duration(0)
	if at, ok := l.board.Deadline(); ok {
		next = max(at, 1)
	}
	if slices.ContainsFunc([]listen.Type{listen.Tick5, listen.Tick60, listen.Tick3600}, l.board.Wanted) {
		now := time.Now()
		tick := l.now() + time.Unix(listen.NextTick(now.Unix()), 0).Sub(now)
		if next == 0 || tick < next {
			next = tick
		}
	}
	return next
}

// resumeListeners goes on where an upgrade has left the protocol with each listener.
// After a crash nobody knows where that is: listeners are started again.
func (l *loop) resumeListeners(p past) {
	carried := p.board != nil && !p.lost
	if carried {
		l.board = *p.board
	}
	for _, prog := range l.inOrder() {
		l.subscribe(prog)
		if prog.conf.Listener == nil {
			continue
		}
		for _, in := range prog.instances {
			unknown := false
			for _, r := range []programs.Run{in.state.Cur, in.state.Side} {
				who := listen.Member{Name: in.conf.FullName(), Run: r.N}
				if r.Live() && !l.board.Has(prog.conf.Name, who) {
					l.board.Born(prog.conf.Name, who)
					unknown = true
				}
			}
			if unknown && in.state.Want {
				l.step(in, programs.Restart{})
			}
		}
	}
}

// notifyGroups tells which groups have come and gone, in the order of their start.
func (l *loop) notifyGroups(before, after []string) {
	for _, g := range l.config.GroupNames() {
		if slices.Contains(after, g) && !slices.Contains(before, g) {
			l.notify(listen.Group(g, true))
		}
	}
	for _, g := range before {
		if !slices.Contains(after, g) {
			l.notify(listen.Group(g, false))
		}
	}
}
