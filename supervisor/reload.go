package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// addProgram makes a program and its instances; nothing is started.
func (l *loop) addProgram(c conf.Program) *program {
	p := &program{conf: &c, policy: policyOf(&c), watched: watched(&c)}
	for i := range c.Instances {
		l.addInstance(p, &c.Instances[i])
	}
	l.programs[c.Name] = p
	l.subscribe(p)
	l.edge.limit(p.conf)
	return p
}

func (l *loop) addInstance(p *program, c *conf.Instance) *instance {
	in := newInstance(p, c)
	p.instances = append(p.instances, in)
	for _, channel := range []string{"stdout", "stderr"} {
		if err := l.auto.make(in.conf, channel); err != nil {
			l.tellTrouble(trouble{what: in.conf.FullName(), err: err})
		}
	}
	l.instances[c.FullName()] = in
	return in
}

// apply makes c the config, for the named programs or for all (nil), and returns what
// was done to each program, by name. notes are sentences "NAME: …" of what had to run anew, and why,
// and of what holds from a next run on only.
func (l *loop) apply(c *conf.Config, diff conf.Changes, names []string) (done map[string]string, notes []string) {
	picked := func(name string) bool { return names == nil || slices.Contains(names, name) }
	next := map[string]conf.Program{}
	for _, p := range c.Programs {
		next[p.Name] = p
	}
	done = map[string]string{}
	for _, name := range diff.Removed {
		if picked(name) {
			done[name] = "removed"
			l.remove(l.programs[name])
		}
	}
	for _, ch := range diff.Changed {
		if p := l.programs[ch.Program]; p != nil && picked(ch.Program) {
			done[ch.Program] = "updated"
			held := l.change(p, next[ch.Program], ch.Restart)
			notes = append(append(notes, whyRestarted(ch)...), held...)
		}
	}
	for _, name := range diff.Added {
		if !picked(name) {
			continue
		}
		done[name] = "added"
		if p := l.programs[name]; p != nil { // it comes back before it was gone
			l.change(p, next[name], nil)
			continue
		}
		l.autostart(l.addProgram(next[name]).instances)
	}
	l.config = merged(l.config, c, done)
	if diff.Host && names == nil {
		l.config.Host = c.Host // of a config that merged has made
		l.edge.reviseHost(c.Host)
		l.short.next = l.now() // a rung may be off, or due
	}
	if diff.Notify {
		l.reviseAlerts(c)
	}
	if len(diff.Supervisor) > 0 {
		l.event(nil, 0, control.Event{Kind: "config",
			Message: "needs a restart of the supervisor to apply: " + strings.Join(diff.Supervisor, ", ")})
	}
	l.rememberPrograms()
	l.publishAll()
	for _, name := range slices.Sorted(maps.Keys(done)) {
		l.event(nil, 0, control.Event{Kind: "config", Name: name, Message: fmt.Sprintf("%s: %s", name, done[name])})
	}
	return done, notes
}

// whyRestarted says what a change restarts, and for which keys.
func whyRestarted(ch conf.Change) []string {
	if len(ch.Restart) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: restarted for a change of %s: %s", ch.Program, strings.Join(ch.Keys, ", "), strings.Join(ch.Restart, ", "))}
}

// redefined is the config in force with one program replaced, so that a reread sees
// how it differs from the file.
func (l *loop) redefined(p conf.Program) *conf.Config {
	c := *l.config
	c.Programs = slices.Clone(c.Programs)
	for i := range c.Programs {
		if c.Programs[i].Name == p.Name {
			c.Programs[i] = p
		}
	}
	return &c
}

// picked is the config after an update of the named programs, or of all (nil).
func picked(old, next *conf.Config, names []string) *conf.Config {
	if names == nil {
		return next
	}
	all := map[string]string{}
	for _, n := range names {
		all[n] = n
	}
	return merged(old, next, all)
}

// merged is the config in force after an update of some programs only.
func merged(old, next *conf.Config, done map[string]string) *conf.Config {
	out := *next
	out.Supervisor, out.Host, out.Programs = old.Supervisor, old.Host, nil
	for _, p := range next.Programs {
		if done[p.Name] != "" {
			out.Programs = append(out.Programs, p)
		}
	}
	for _, p := range old.Programs {
		if done[p.Name] == "" {
			out.Programs = append(out.Programs, p)
		}
	}
	return &out
}

func (l *loop) autostart(instances []*instance) {
	for _, in := range instances {
		if in.prog.conf.AutoStart {
			l.step(in, programs.Start{})
		}
	}
}

// remove stops a program; collect forgets it once it is stopped.
func (l *loop) remove(p *program) {
	for _, in := range p.instances {
		in.leaving = true
		l.step(in, programs.Stop{})
	}
}

// change gives a program its new definition. Instances that are new start, those
// that are gone stop, those named in restart run anew if they run; the others
// go on as they are, under the new rules. held says which rules wait for a next run.
func (l *loop) change(p *program, c conf.Program, restart []string) (held []string) {
	was, looked := p.conf.Health, rulesOfHealth(p)
	p.conf, p.policy, p.watched = &c, policyOf(&c), watched(&c)
	l.due = 0 // deadlines come of the policy too
	l.edge.limit(p.conf)
	l.subscribe(p)
	kept := l.keep(p, c.Instances)
	for _, in := range p.instances {
		if !slices.Contains(kept, in) {
			in.leaving = true
			l.step(in, programs.Stop{})
		}
	}
	var fresh []*instance
	for i := range c.Instances {
		ci, in := &c.Instances[i], kept[i]
		if in == nil {
			fresh = append(fresh, l.addInstance(p, ci))
			continue
		}
		if in.leaving { // it comes back before it was gone
			in.leaving = false
			fresh = append(fresh, in)
		} else if in.state.Want && slices.Contains(restart, ci.Name) {
			l.step(in, programs.Restart{})
		}
		for _, n := range []uint64{in.state.Cur.N, in.state.Side.N} {
			if n == 0 {
				continue
			}
			for _, what := range append(l.edge.revise(ref{in, n}, p.conf), l.heldWatchdog(in, n, was)...) {
				l.event(in, n, control.Event{Kind: "config", Message: what})
				held = append(held, in.conf.FullName()+": "+what)
			}
		}
	}
	l.lookAnew(p, looked)
	l.autostart(fresh)
	return held
}

// keep finds the instance that goes on for each of the new definitions, nil for
// none. It takes on the new definition, and its name.
func (l *loop) keep(p *program, next []conf.Instance) []*instance {
	old := make([]conf.Instance, len(p.instances))
	for i, in := range p.instances {
		old[i] = *in.conf
	}
	kept := make([]*instance, len(next))
	for i, at := range conf.Pair(old, next) {
		if at >= 0 {
			kept[i] = p.instances[at]
			delete(l.instances, old[at].FullName())
		}
	}
	for i, in := range kept {
		if in != nil {
			l.forgotten[in.conf.FullName()] = true // unless the name is given anew
			in.conf = &next[i]
			l.instances[in.conf.FullName()] = in
			l.changed[in] = true
		}
	}
	return kept
}

// collect forgets instances that left the config and are stopped.
func (l *loop) collect() {
	gone := false
	for name, p := range l.programs {
		p.instances = slices.DeleteFunc(p.instances, func(in *instance) bool {
			if !in.leaving || !in.idle() {
				return false
			}
			gone = true
			l.forgotten[in.conf.FullName()] = true
			if l.instances[in.conf.FullName()] == in {
				delete(l.instances, in.conf.FullName())
			}
			return true
		})
		if len(p.instances) == 0 && !l.defines(name) {
			delete(l.programs, name)
			l.forgetNeed(name)
			l.memory.Delete(keyRelieved + name)
			l.board.Unsubscribe(name)
			l.edge.forget(name)
			gone = true
		}
	}
	if gone {
		l.rememberPrograms()
		l.publishAll()
	}
}

func (l *loop) defines(name string) bool {
	return slices.ContainsFunc(l.config.Programs, func(p conf.Program) bool { return p.Name == name })
}
