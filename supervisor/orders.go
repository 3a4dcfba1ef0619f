package supervisor

import (
	"slices"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// orderRequest carries an order to the loop; tickets answers it at once.
type orderRequest struct {
	order   control.Order
	note    *control.Note // where the order's tickets are left for a successor
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
	default:
		t := l.order(q.order)
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

// order gives every named instance its part of an order.
func (l *loop) order(o control.Order) []ticket {
	found, bad := l.match(o.Names)
	var out []ticket
	for _, b := range bad {
		out = append(out, ticket{Name: b.Name, Outcome: b})
	}
	if o.Verb == "start" || o.Verb == "restart" {
		slices.SortStableFunc(found, func(a, b *instance) int { return byPriority(a.prog, b.prog) })
	}
	var second []ticket // a restart answers twice, with all stops first, as supervisorctl prints it
	for _, in := range found {
		t := l.orderOne(in, o)
		out, second = append(out, t[0]), append(second, t[1:]...)
	}
	return append(out, second...)
}

// match resolves names as supervisorctl does.
func (l *loop) match(names []string) (found []*instance, bad []control.Outcome) {
	snap, _ := l.publish.get()
	ids := make([]control.ID, len(snap.views))
	for i, v := range snap.views {
		ids[i] = control.ID{Group: v.Group, Name: v.Name, Program: v.Program}
	}
	at, bad := control.Match(names, ids)
	for _, i := range at {
		if in := l.instances[control.FullName(ids[i].Group, ids[i].Name)]; in != nil {
			found = append(found, in)
		}
	}
	return found, bad
}

func (l *loop) orderOne(in *instance, o control.Order) []ticket {
	switch o.Verb {
	case "start":
		return []ticket{l.orderStart(in)}
	case "stop":
		return []ticket{l.orderStop(in, o.Now)}
	case "restart":
		if o.Roll && in.state.Cur.Live() {
			return []ticket{l.orderRecycle(in, "restarted")}
		}
		return l.orderRestart(in, o.Now)
	case "recycle":
		return []ticket{l.orderRecycle(in, "recycled")}
	case "signal", "pause", "resume":
		return []ticket{l.orderSignal(in, o)}
	}
	return []ticket{refused(in, control.BadArguments, "unknown verb "+o.Verb)}
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
func (l *loop) orderRestart(in *instance, now bool) []ticket {
	if !running(in.state.Public()) {
		return []ticket{refused(in, control.NotRunning, ""), l.orderStart(in)}
	}
	before := in.state.LastN
	old := in.state.Cur.N
	l.step(in, programs.Restart{})
	if now {
		l.step(in, programs.Stop{Now: true})
		l.step(in, programs.Start{})
	}
	stop, start := done(in, "stopped"), done(in, "started")
	stop.Until, stop.Run = replaced, old
	start.Until, start.Run = up, before
	return []ticket{stop, start}
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
	l.change(p, next, nil)
	l.redefine(next)
	l.rememberPrograms()
	var out []ticket
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
