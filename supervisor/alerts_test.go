package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/alert"
	"bulkhead/supervisor/control"
)

// inbox is what people would have been told.
type inbox struct {
	mu   sync.Mutex
	got  []string // "WEBHOOK: NAME: MESSAGE" of each event
	fail string   // the webhook that does not work
}

func (b *inbox) send(_ context.Context, w alert.Way, m alert.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail == w.Webhook || b.fail == "all" {
		return errors.New("it is broken")
	}
	for _, e := range m.Events {
		if e.Serial == 0 {
			b.got = append(b.got, "an event without a number")
		}
		b.got = append(b.got, fmt.Sprintf("%s: %s: %s", w.Webhook, e.Name, e.Message))
	}
	return nil
}

// took returns what was told, and forgets it.
func (b *inbox) took() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.got
	b.got = nil
	slices.Sort(out)
	return out
}

// alerting is a configuration with a webhook for these words.
func alerting(c *conf.Config, name string, programs []string, words ...string) *conf.Config {
	c.Notify = append(c.Notify, conf.Notify{Webhook: name, Events: words, Programs: programs, Timeout: time.Second})
	return c
}

// withAlerts is within for a loop whose notifications go to an inbox.
func withAlerts(t *testing.T, c *conf.Config, story func(w *world, b *inbox)) {
	t.Helper()
	b := &inbox{}
	var board *alert.Board
	withinPast(t, c, func(l *loop) {
		board = alert.New(alert.Source{Host: "h"}, b.send, func(key string, w alert.Way, err error) { go l.post(alertTrouble{key, w, err}) })
		board.Set(alertRules(c.Notify))
		l.alerts = board
	}, nil, func(w *world) {
		story(w, b)
		board.Close(0)
	})
}

// TestPeopleAreTold of what they want to know, and by the program it concerns.
func TestPeopleAreTold(t *testing.T) {
	c := join(worker("queue", 2, nil), worker("web", 1, nil))
	alerting(c, "q", []string{"queue"}, "crashed", "oom_kill")
	alerting(c, "all", nil, "crashed", "oom_kill")
	withAlerts(t, c, func(w *world, b *inbox) {
		w.after(2 * time.Second)
		w.edge.exit(w.ref("queue:queue_01"), programs.Exit{Code: 1}, false)
		w.edge.exit(w.ref("web"), programs.Exit{Code: 3}, false)
		w.loop.post(killsSeen{kills: []seenKill{killOf(9, 71, runName{})}})
		w.after(time.Second)
		equal(t, "told", b.took(), []string{
			"all: : the kernel killed php (pid 71, uid 0, 44M): the host was out of memory, it was in /y",
			"all: queue:queue_01: crashed: exit code 1",
			"all: web: crashed: exit code 3",
			"q: queue:queue_01: crashed: exit code 1",
		})
	})
}

// TestBrokenAlerts: that people cannot be told is an event, once, which goes to others and
// never to those who cannot be reached; two that are broken do not tell of each other for ever.
func TestBrokenAlerts(t *testing.T) {
	c := alerting(alerting(worker("queue", 1, nil), "https://a", nil, "trouble"), "https://b", nil, "trouble")
	withAlerts(t, c, func(w *world, b *inbox) {
		w.after(2 * time.Second)
		tell := func() {
			w.loop.post(trouble{what: "x", err: errors.New("y")})
			w.after(time.Minute)
		}
		b.fail = "https://a"
		tell()
		tell()
		equal(t, "told by b", b.took(), []string{
			"https://b: : cannot notify by the webhook at a: it is broken", "https://b: : x: y", "https://b: : x: y"})
		b.fail = "all"
		tell()
		tell()
		b.fail = ""
		tell()
		var own []string
		for _, m := range w.kinds("trouble") {
			if strings.Contains(m, "notif") {
				own = append(own, m)
			}
		}
		slices.Sort(own)
		equal(t, "events", own, []string{
			"cannot notify by the webhook at a: it is broken", "cannot notify by the webhook at b: it is broken",
			"notifications by the webhook at a go out again", "notifications by the webhook at b go out again"})
	})
}

// TestAlertsAreReloaded: other tables hold at once, and what is queued goes out.
func TestAlertsAreReloaded(t *testing.T) {
	c := alerting(worker("queue", 1, nil), "a", nil, "trouble")
	c.Notify[0].Interval = time.Hour
	withAlerts(t, c, func(w *world, b *inbox) {
		w.after(2 * time.Second)
		w.loop.post(trouble{what: "x", err: errors.New("y")})
		w.after(time.Second)
		if got := w.loop.rememberAll()[keyUnsent].(map[string][]control.Event); len(got) != 1 {
			t.Errorf("an upgrade would hand on %v", got)
		}
		w.update(alerting(worker("queue", 1, nil), "b", nil, "trouble"))
		w.loop.post(trouble{what: "z", err: errors.New("y")})
		w.after(time.Second)
		equal(t, "told", b.took(), []string{"a: : x: y", "b: : z: y"})
		if got := w.kinds("config"); !slices.Contains(got, "notify: updated") {
			t.Errorf("told %q", got)
		}
		if w.loop.rememberAll()[keyUnsent] != nil {
			t.Error("an upgrade would tell again")
		}
	})
}

// TestNotifyEvents: the words of the configuration are those that events have.
func TestNotifyEvents(t *testing.T) {
	for k := programs.KindExited; k <= programs.KindUnknown; k++ {
		if !slices.Contains(conf.NotifyEvents, k.String()) {
			t.Errorf("%q cannot be asked for", k)
		}
	}
	for _, s := range []programs.Public{programs.STARTING, programs.RUNNING, programs.BACKOFF, programs.STOPPING, programs.EXITED, programs.FATAL, programs.STOPPED} {
		if !slices.Contains(conf.NotifyEvents, strings.ToLower(s.String())) {
			t.Errorf("%v cannot be asked for", s)
		}
	}
}
