package supervisor

import (
	"slices"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// orderRequest carries an order to the loop; tickets answers it at once.
type orderRequest struct {
	order   control.Order
	barred  map[string]ticket // by full name, who cannot be started, and why
	note    *control.Note     // where the order's tickets are left for a successor
	tickets chan []ticket
	err     error
}

func (q *orderRequest) do(l *loop) {
	defer close(q.tickets)
	if l.ending != nil && q.order.Verb != "shutdown" {
		q.err = &control.Error{Fault: control.ShuttingDown, Message: "the supervisor is shutting down"}
		return
	}
	switch q.order.Verb {
	case "shutdown":
		l.shutdown(false)
	case "scale":
		t, err := l.scale(q.order.Names[0], q.order.Count)
		q.err = err
		q.leave(t)
	case "profile":
		t, err := l.profile(q.order.Names, q.order.Profile)
		q.err = err
		q.leave(t)
	default:
		t := l.order(q.order, q.barred)
		l.publishChanges() // who follows the tickets must not look at what was before
		q.leave(t)
	}
}

func (q *orderRequest) leave(t []ticket) {
	if q.note != nil && q.err == nil {
		q.note.Set(t)
	}
	q.tickets <- t
}

// order gives every instance that is meant its part of an order. Where a group or
// all is meant, who is already as the order wants it is passed over in silence, as
// supervisord does; who is named himself is told. Outcomes come in supervisorctl's
// order: all stops of a restart, who cannot even begin, the others.
func (l *loop) order(o control.Order, barred map[string]ticket) []ticket {
	found, unknown := l.match(o.Names)
	var bad, stops, early, rest []ticket
	for _, u := range unknown {
		bad = append(bad, ticket{Name: u.Name, Outcome: u})
	}
	if o.Verb != "stop" {
		slices.SortStableFunc(found, func(a, b *instance) int { return byPriority(a.prog, b.prog) })
	}
	for _, in := range found {
		named := control.Names(o.Names, control.ID{Group: in.conf.Group, Name: in.conf.Name})
		stop, t := l.orderUnlessBarred(in, o, barred, named)
		if !named {
			stop, t = slices.DeleteFunc(stop, needless), slices.DeleteFunc(t, needless)
		}
		stops = append(stops, stop...)
		if _, ok := barred[in.conf.FullName()]; ok {
			early = append(early, t...)
		} else {
			rest = append(rest, t...)
		}
	}
	return slices.Concat(bad, stops, early, rest)
}

// needless says that an order had nothing to do.
func needless(t ticket) bool {
	return t.Outcome.Fault == control.AlreadyStarted || t.Outcome.Fault == control.NotRunning
}

// orderUnlessBarred does not stop for a restart what could not be started again.
// Who is named himself and is to be started is told so whether or not he runs, as
// supervisord does.
func (l *loop) orderUnlessBarred(in *instance, o control.Order, barred map[string]ticket, named bool) (stop, other []ticket) {
	bar, cannot := barred[in.conf.FullName()]
	runs := running(in.state.Public())
	switch {
	case cannot && o.Verb == "restart" && !runs:
		return []ticket{refused(in, control.NotRunning, "")}, []ticket{bar}
	case cannot && (o.Verb == "restart" || named || !runs):
		return nil, []ticket{bar}
	case o.Verb == "restart" && !(o.Roll && in.state.Cur.Live()):
		stopped, started := l.orderRestart(in, o.Now)
		return []ticket{stopped}, []ticket{started}
	}
	return nil, []ticket{l.orderOne(in, o)}
}

// match resolves names as supervisorctl does.
func (l *loop) match(names []string) (found []*instance, bad []control.Outcome) {
	snap, _ := l.publish.get()
	views, bad := snap.match(names)
	for _, v := range views {
		if in := l.instances[v.FullName()]; in != nil {
			found = append(found, in)
		}
	}
	return found, bad
}

func (l *loop) orderOne(in *instance, o control.Order) ticket {
	switch o.Verb {
	case "start":
		return l.orderStart(in)
	case "stop":
		return l.orderStop(in, o.Now)
	case "restart":
		return l.orderRecycle(in, "restarted")
	case "recycle":
		return l.orderRecycle(in, "recycled")
	case "signal", "pause", "resume":
		return l.orderSignal(in, o)
	}
	return refused(in, control.BadArguments, "unknown verb "+o.Verb)
}

func running(p programs.Public) bool {
	return p == programs.STARTING || p == programs.RUNNING || p == programs.BACKOFF
}

func (l *loop) orderStart(in *instance) ticket {
	if running(in.state.Public()) {
		return refused(in, control.AlreadyStarted, "")
	}
	if in.state.Public() == programs.STOPPING && !in.state.Want { // supervisord's answer; the end may be long in coming
		return refused(in, control.AbnormalTermination, "it is being stopped")
	}
	before := in.state.LastN
	l.step(in, programs.Start{})
	t := done(in, "started")
	t.Until, t.Run = up, before
	return t
}

func (l *loop) orderStop(in *instance, now bool) ticket {
	if s := in.state.Public(); !running(s) && !(s == programs.STOPPING && (now || in.state.Want)) {
		return refused(in, control.NotRunning, "")
	}
	l.step(in, programs.Stop{Now: now})
	t := done(in, "stopped")
	t.Until = idle
	return t
}

// orderRestart answers twice: stopped, started.
func (l *loop) orderRestart(in *instance, now bool) (stop, start ticket) {
	if !running(in.state.Public()) {
		return refused(in, control.NotRunning, ""), l.orderStart(in)
	}
	before := in.state.LastN
	old := in.state.Cur.N
	l.step(in, programs.Restart{})
	if now {
		l.step(in, programs.Stop{Now: true})
		l.step(in, programs.Start{})
	}
	stop, start = done(in, "stopped"), done(in, "started")
	stop.Until, stop.Run = replaced, old
	start.Until, start.Run = up, before
	return stop, start
}

func (l *loop) orderRecycle(in *instance, what string) ticket {
	if s := in.state.Public(); s != programs.RUNNING && s != programs.STARTING {
		return refused(in, control.NotRunning, "")
	}
	t := done(in, what)
	t.Until, t.Run = renewed, in.state.Cur.N
	l.step(in, programs.RecycleNow{Why: programs.Requested})
	return t
}

// scale gives a program another number of instances, until the next update.
func (l *loop) scale(name string, n int) ([]ticket, error) {
	p := l.programs[name]
	if p == nil {
		return []ticket{{Name: name, Outcome: control.Outcome{Name: name, Fault: control.BadName}}}, nil
	}
	next, err := p.conf.WithNumprocs(n)
	if err != nil {
		return nil, &control.Error{Fault: control.BadArguments, Message: err.Error()}
	}
	warning, err := l.afford(l.redefined(next), control.BadArguments)
	if err != nil {
		return nil, err
	}
	l.change(p, next, nil)
	l.config = l.redefined(next)
	l.rememberPrograms()
	var out []ticket
	if warning != "" {
		out = append(out, ticket{Name: name, Outcome: control.Outcome{Name: name, Done: warning}})
	}
	for _, in := range p.instances {
		name := in.conf.FullName()
		t := ticket{Name: name}
		switch {
		case in.leaving:
			t.Outcome, t.Until = control.Outcome{Name: name, Done: "stopped"}, idle
		case in.state.LastN == 1 && in.state.Cur.Phase == programs.Spawning:
			t.Outcome, t.Until = control.Outcome{Name: name, Done: "started"}, up
		default:
			continue
		}
		out = append(out, t)
	}
	l.publishAll()
	return out, nil
}
