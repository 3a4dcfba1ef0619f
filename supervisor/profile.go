package supervisor

import (
	"fmt"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// profile switches programs, or all, to another profile, until the next update. What runs is
// judged by it from now on.
func (l *loop) profile(names []string, word string) ([]ticket, error) {
	if word != conf.Strict && word != conf.Permissive {
		return nil, &control.Error{Fault: control.BadArguments, Message: fmt.Sprintf("unknown profile %q: write %s or %s", word, conf.Strict, conf.Permissive)}
	}
	if len(names) == 0 {
		for _, p := range l.inOrder() {
			names = append(names, p.conf.Name)
		}
		c := *l.config
		c.Host.Profile = word
		l.config = &c
	}
	var out []ticket
	for _, name := range names {
		t := ticket{Name: name, Outcome: control.Outcome{Name: name, Done: word}}
		if p := l.programs[name]; p == nil {
			t.Outcome = control.Outcome{Name: name, Fault: control.BadName}
		} else if p.conf.Profile != word {
			next := *p.conf
			next.Profile = word
			l.change(p, next, nil)
			l.config = l.redefined(next)
			l.event(nil, 0, control.Event{Kind: "config", Name: name, Message: fmt.Sprintf("%s: profile %s", name, word)})
		}
		out = append(out, t)
	}
	l.rememberPrograms()
	l.publishAll()
	return out, nil
}
