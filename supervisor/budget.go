package supervisor

import (
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// overpromised says by how much a new configuration would promise more than the host has,
// what programs without a limit are known to need included; "" when it does not. What does
// not add to it is never complained of: to lower numprocs must always be possible.
func (l *loop) overpromised(next *conf.Config) string {
	if next.Host.Overcommit == "allow" {
		return ""
	}
	used := needed(l.needs, time.Now())
	t := conf.Budget(next).Needing(used)
	if !t.Exceeded() || t.Counted() <= conf.Budget(l.config).Needing(used).Counted() {
		return ""
	}
	return t.Explain()
}

// tellNeeds tells, at the start, of programs that are known to need more than the host has.
// What was promised too much was said when the configuration was read.
func (l *loop) tellNeeds(c *conf.Config) {
	t := conf.Budget(c)
	if c.Host.Overcommit == "allow" || t.Exceeded() {
		return
	}
	if t = t.Needing(needed(l.needs, time.Now())); t.Exceeded() {
		l.event(nil, 0, control.Event{Kind: "config", Message: t.Explain()})
	}
}

// afford refuses a new configuration that promises too much, where that is to be refused; else
// it returns what is to be said of it.
func (l *loop) afford(next *conf.Config, refusal control.Fault) (warning string, err error) {
	why := l.overpromised(next)
	switch {
	case why == "":
		return "", nil
	case next.Host.Overcommit == "deny":
		return "", &control.Error{Fault: refusal, Message: why + ` (host.overcommit is "deny")`}
	}
	l.event(nil, 0, control.Event{Kind: "config", Message: why})
	return why, nil
}
