package supervisor

import (
	"slices"
	"strings"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// ending is a shutdown under way: the batches still to be stopped.
type ending struct {
	batches [][]*program
	hurry   bool
}

// startAll starts what starts by itself, in order. Nothing waits for another to
// be up, as under supervisord.
func (l *loop) startAll() {
	for _, p := range l.inOrder() {
		if p.conf.AutoStart {
			for _, in := range p.instances {
				l.step(in, programs.Start{})
			}
		}
	}
}

// shutdown begins to stop everything, the highest priority number first; a
// second request, or now, hurries: what still runs is killed.
func (l *loop) shutdown(now bool) {
	if l.ending == nil {
		l.ending = &ending{batches: batches(l.inOrder())}
		l.givenUp = l.fatal()
		l.event(nil, 0, control.Event{Kind: "supervisor", Message: "shutting down"})
		close(l.stopping)
		l.systemd("STOPPING=1")
	} else {
		now = true
	}
	if now && !l.ending.hurry {
		l.ending.hurry = true
		l.event(nil, 0, control.Event{Kind: "supervisor", Message: "shutting down at once: what still runs is killed"})
		l.stopBatch()
	}
	if len(l.ending.batches) > 0 {
		l.stopBatch()
	}
}

// fatal are the names of instances that were given up, sorted.
func (l *loop) fatal() (names []string) {
	for name, in := range l.instances {
		if in.state.Public() == programs.FATAL {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// advance goes on to the next batch of a shutdown once the last one is stopped.
func (l *loop) advance() {
	for l.ending != nil && len(l.ending.batches) > 0 && l.idle(l.ending.batches[0]) {
		l.ending.batches = l.ending.batches[1:]
		l.stopBatch()
	}
}

func (l *loop) stopBatch() {
	if len(l.ending.batches) == 0 {
		return
	}
	l.tellDying()
	for _, p := range l.ending.batches[0] {
		for _, in := range p.instances {
			l.step(in, programs.Stop{Now: l.ending.hurry})
		}
	}
}

// tellDying is supervisord's line of a shutdown, with the names of all that still runs.
func (l *loop) tellDying() {
	if l.config.Supervisor.LogStyle != styleSupervisord {
		return
	}
	var names []string
	for _, p := range l.inOrder() {
		for _, in := range p.instances {
			if !in.idle() {
				names = append(names, in.conf.Name)
			}
		}
	}
	if len(names) > 0 {
		l.log.Info("waiting for " + strings.Join(names, ", ") + " to die")
	}
}

func (l *loop) idle(batch []*program) bool {
	for _, p := range batch {
		for _, in := range p.instances {
			if !in.idle() {
				return false
			}
		}
	}
	return true
}

// complete reports that a shutdown has nothing left to stop, or that nothing is
// to be stopped.
func (l *loop) complete() bool { return l.left || l.ending != nil && len(l.ending.batches) == 0 }
