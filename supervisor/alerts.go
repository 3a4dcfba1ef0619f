package supervisor

import (
	"fmt"
	"os"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/alert"
	"bulkhead/supervisor/control"
)

// keyUnsent is what the notifications had not told yet: map[string][]control.Event.
const keyUnsent = "unsent"

// alertMost is how long the end of the supervisor waits for notifications to go out.
const alertMost = 3 * time.Second

// newAlerts makes the notifications of a configuration. They go on where the supervisor
// before has left them.
func newAlerts(c *conf.Config, version string, unsent map[string][]control.Event, post func(any)) *alert.Board {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	b := alert.New(alert.Source{Host: host, Identifier: c.Supervisor.Identifier},
		alert.Post{Env: ownEnviron(), Agent: "bulkhead/" + version}.Send,
		func(key string, w alert.Way, err error) { go post(alertTrouble{key, w, err}) })
	b.Set(alertRules(c.Notify))
	b.Restore(unsent)
	return b
}

func alertRules(tables []conf.Notify) []alert.Rules {
	all := make([]alert.Rules, len(tables))
	for i, n := range tables {
		all[i] = alert.Rules{Events: n.Events, Programs: n.Programs, Way: alert.Way{Command: n.Command, Webhook: n.Webhook, Sendmail: n.Sendmail},
			Interval: n.Interval, Limit: n.Limit, Timeout: n.Timeout, Retries: n.Retries}
	}
	return all
}

// alertTrouble is a way of telling people that fails, or works again.
type alertTrouble struct {
	key string
	way alert.Way
	err error
}

// do tells of it, by all ways but this one: two that fail tell of each other once, and
// then no more until they work again.
func (t alertTrouble) do(l *loop) {
	e := control.Event{Kind: "trouble", Message: fmt.Sprintf("notifications by %v go out again", t.way)}
	if t.err != nil {
		e.Message = fmt.Sprintf("cannot notify by %v: %v", t.way, t.err)
	}
	l.eventBut(nil, 0, e, t.key)
}

// alertPeople queues an event for those who are to be told.
func (l *loop) alertPeople(in *instance, e control.Event, except string) {
	if l.alerts == nil {
		return
	}
	program := e.Name // of an event that is not an instance's
	if in != nil {
		program = in.prog.conf.Name
	}
	l.alerts.Tell(program, e, except)
}

// reviseAlerts makes other tables the rules of the notifications.
func (l *loop) reviseAlerts(c *conf.Config) {
	if l.alerts != nil {
		l.alerts.Set(alertRules(c.Notify))
	}
	l.event(nil, 0, control.Event{Kind: "config", Message: "notify: updated"})
}

// unsent is what a successor has to tell, nil nothing.
func (l *loop) unsent() map[string][]control.Event {
	if l.alerts == nil {
		return nil
	}
	if q := l.alerts.Queued(); len(q) > 0 {
		return q
	}
	return nil
}
