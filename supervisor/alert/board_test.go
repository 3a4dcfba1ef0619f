package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
)

// desk is a board whose messages go nowhere: what would go out is written down.
type desk struct {
	*Board
	mu    sync.Mutex
	start time.Time
	log   []string
	fail  func(w Way, try int) error // of each attempt, from 1
	tries map[string]int
	keys  map[string]string // of ways that had trouble
}

func newDesk() *desk {
	d := &desk{start: time.Now(), tries: map[string]int{}, keys: map[string]string{}}
	d.Board = New(Source{Host: "h", Identifier: "i"}, d.sendOne, func(key string, w Way, err error) {
		d.mu.Lock()
		d.keys[w.Webhook] = key
		d.mu.Unlock()
		d.note("trouble %s %v", w.Webhook, err)
	})
	return d
}

func (d *desk) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, fmt.Sprintf("%v ", time.Since(d.start))+fmt.Sprintf(format, args...))
}

func (d *desk) sendOne(ctx context.Context, w Way, m Message) error {
	d.mu.Lock()
	d.tries[w.Webhook]++
	try := d.tries[w.Webhook]
	d.mu.Unlock()
	if d.fail != nil {
		if err := d.fail(w, try); err != nil {
			if errors.Is(err, errHang) {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	}
	text := ""
	for _, e := range m.Events {
		text += " " + e.Message
	}
	if len(m.Events) > 3 {
		text = fmt.Sprintf(" %s...%d", m.Events[0].Message, len(m.Events))
	}
	if m.Lost > 0 {
		text += fmt.Sprintf(" lost %d", m.Lost)
	}
	d.note("%s%s", w.Webhook, text)
	return nil
}

var errHang = errors.New("hang")

// took returns what was written down, and forgets it.
func (d *desk) took(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.log); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	d.log = nil
}

func (d *desk) tell(messages ...string) {
	for _, m := range messages {
		d.Tell("web", control.Event{Kind: "trouble", Message: m}, "")
	}
}

func hook(name string, change func(*Rules)) Rules {
	r := Rules{Events: []string{"trouble"}, Way: Way{Webhook: name}, Interval: time.Minute, Timeout: 10 * time.Second, Retries: 2}
	if change != nil {
		change(&r)
	}
	return r
}

// bubble runs a story in fake time.
func bubble(t *testing.T, story func(t *testing.T, d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		story(t, d)
		d.Close(0)
	})
}

// TestBatches: what happens within the interval of the first goes out together, at its
// end; a full batch at once.
func TestBatches(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.Set([]Rules{hook("a", nil), hook("b", func(r *Rules) { r.Interval = 0 })})
		d.tell("1")
		time.Sleep(59 * time.Second)
		d.tell("2")
		d.took(t, "0s b 1", "59s b 2")
		time.Sleep(time.Second)
		d.took(t, "1m0s a 1 2")
		d.tell("3")
		d.took(t, "1m0s b 3")
		time.Sleep(time.Minute)
		d.took(t, "2m0s a 3")
		d.Set([]Rules{hook("a", nil)})
		for range batchMost + 1 {
			d.tell("x")
		}
		d.took(t, fmt.Sprintf("2m0s a x...%d", batchMost))
		time.Sleep(time.Minute)
		d.took(t, "3m0s a x")
	})
}

// TestLimit: what is over the limit of an hour waits, and is told together.
func TestLimit(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.Set([]Rules{hook("a", func(r *Rules) { r.Interval, r.Limit = 0, 2 })})
		for _, m := range []string{"1", "2", "3", "4"} {
			d.tell(m)
			time.Sleep(time.Minute)
		}
		d.took(t, "0s a 1", "1m0s a 2")
		time.Sleep(time.Hour)
		d.took(t, "1h0m0s a 3 4")
		d.tell("5", "6")
		time.Sleep(time.Second)
		d.Set([]Rules{hook("a", func(r *Rules) { r.Interval = 0 })}) // no limit any more
		d.tell("7")
		synctest.Wait()
		if len(d.log) == 0 || !strings.HasSuffix(d.log[len(d.log)-1], "7") {
			t.Errorf("a limit that is gone holds: %q", d.log)
		}
	})
}

// TestRetries: each attempt has its time, failures are tried again, each time later; what
// is given up is counted and told with the next; trouble is told once, and its end.
func TestRetries(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.fail = func(_ Way, try int) error {
			switch {
			case try == 1 || try == 3:
				return errHang
			case try <= 6:
				return errors.New("no")
			}
			return nil
		}
		d.Set([]Rules{hook("a", func(r *Rules) { r.Interval = 0 })})
		d.tell("1")
		time.Sleep(10*time.Second + time.Second + 2*time.Second + 10*time.Second)
		d.took(t, "23s trouble a it took longer than 10s")
		d.tell("2")
		time.Sleep(time.Minute)
		d.took(t) // still failing: it was told
		if d.tries["a"] != 6 {
			t.Errorf("%d tries", d.tries["a"])
		}
		time.Sleep(time.Hour)
		d.took(t) // losses alone are no message
		d.tell("3")
		d.took(t, "1h1m23s a 3 lost 2", "1h1m23s trouble a <nil>")
	})
}

// TestNoUse: what no retry helps is tried once.
func TestNoUse(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.fail = func(_ Way, try int) error { return permanentError{errors.New("404")} }
		d.Set([]Rules{hook("a", func(r *Rules) { r.Interval = 0 })})
		d.tell("1")
		d.took(t, "0s trouble a 404")
		if d.tries["a"] != 1 {
			t.Errorf("%d tries", d.tries["a"])
		}
		// Its own trouble is not told by itself, that of others is.
		d.fail = nil
		d.Tell("", control.Event{Kind: "trouble", Message: "own"}, d.keys["a"])
		time.Sleep(time.Hour)
		d.took(t)
		d.Tell("", control.Event{Kind: "trouble", Message: "another's"}, "b")
		d.took(t, "1h0m0s a another's lost 1", "1h0m0s trouble a <nil>")
	})
}

// TestHanging: a way that hangs holds up neither who tells nor another way; its queue has
// an end.
func TestHanging(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.fail = func(w Way, try int) error {
			if w.Webhook == "a" && try == 1 {
				return errHang
			}
			return nil
		}
		quick := func(r *Rules) { r.Interval, r.Timeout = 0, time.Hour }
		d.Set([]Rules{hook("a", quick), hook("b", quick)})
		d.tell("1")
		d.took(t, "0s b 1")
		for range queueMost + 7 {
			d.Tell("", control.Event{Kind: "trouble", Message: "x"}, d.senders[1].key)
		}
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		lost, n := 0, 0
		for _, line := range d.log {
			var at, way, batch string
			var some int
			if k, _ := fmt.Sscanf(line, "%s %s %s lost %d", &at, &way, &batch, &some); k == 4 {
				lost += some
			}
			n++
		}
		if lost != 8 || n != 1+queueMost/batchMost {
			t.Errorf("%d messages, %d lost: %q", n, lost, d.log)
		}
	})
}

// TestSet: a way that stays keeps what is queued, under the new rules; one that is gone
// sends what it has; two tables of one way are two.
func TestSet(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		d.Set([]Rules{hook("a", nil), hook("b", nil), hook("b", func(r *Rules) { r.Programs = []string{"other"} })})
		d.tell("1")
		d.Tell("other", control.Event{Kind: "trouble", Message: "2"}, "")
		time.Sleep(time.Second)
		d.Set([]Rules{hook("b", func(r *Rules) { r.Interval = 5 * time.Second }), hook("c", nil)})
		synctest.Wait()
		slices.Sort(d.log)
		d.took(t, "1s a 1 2", "1s b 2")
		time.Sleep(4 * time.Second)
		d.took(t, "5s b 1 2")
		d.tell("3")
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(d.log)
		d.took(t, "10s b 3", "1m5s c 3")
		d.Set(nil)
		d.tell("4")
		time.Sleep(time.Minute)
		d.took(t)
	})
}

// TestWants: by kind, reason and state, of the programs that are asked for.
func TestWants(t *testing.T) {
	ended := control.Event{Kind: "ended", Reason: &control.Reason{Kind: "oom_killed"}}
	state := control.Event{Kind: "state", To: "FATAL"}
	for _, c := range []struct {
		events, programs string
		program          string
		e                control.Event
		want             bool
	}{
		{"oom_killed", "", "web", ended, true},
		{"ended", "", "web", ended, true},
		{"crashed", "", "web", ended, false},
		{"fatal", "", "web", state, true},
		{"state", "", "web", state, true},
		{"backoff", "", "web", state, false},
		{"fatal", "web", "web", state, true},
		{"fatal", "web", "queue", state, false},
		{"pressure", "", "", control.Event{Kind: "pressure"}, true},
		{"pressure", "web", "", control.Event{Kind: "pressure"}, false},
	} {
		r := Rules{Events: []string{c.events}}
		if c.programs != "" {
			r.Programs = []string{c.programs}
		}
		if got := r.Wants(c.program, c.e); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestSuccessor: what is queued, and what was under way, goes to the next supervisor.
func TestSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.fail = func(w Way, _ int) error {
			if w.Webhook == "b" {
				return errHang
			}
			return nil
		}
		rules := []Rules{hook("a", nil), hook("b", func(r *Rules) { r.Interval, r.Timeout = 0, time.Hour })}
		d.Set(rules)
		d.tell("1")
		synctest.Wait()
		resume := d.Hold() // b is broken off
		queued := d.Queued()
		d.fail = nil
		resume() // the upgrade has failed: all goes on
		d.took(t, "0s b 1")
		d.Close(0)
		d.tell("after the end")
		d.Set(rules)

		next := newDesk()
		next.Set(rules)
		next.Restore(queued)
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(next.log)
		next.took(t, "0s b 1", "1m0s a 1")
		next.Close(0)
	})
}

// TestClose sends what waits, without its interval and limit, and has an end.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.fail = func(w Way, _ int) error {
			if w.Webhook == "b" {
				return errHang
			}
			return nil
		}
		d.Set([]Rules{hook("a", func(r *Rules) { r.Limit = 1 }), hook("b", func(r *Rules) { r.Timeout = time.Hour })})
		d.tell("1")
		left := d.Close(3 * time.Second)
		d.took(t, "0s a 1")
		if len(left) != 1 || len(left[d.senders[1].key]) != 1 || time.Since(d.start) != 3*time.Second {
			t.Errorf("left %v after %v", left, time.Since(d.start))
		}
	})
}
