package programs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const sec = time.Second

// asks is a program that is asked every 10 s, three times, half a minute after it is up.
var asks = Checkup{Asks: true, Interval: 10 * sec, Retries: 3, Start: 30 * sec}

func TestLook(t *testing.T) {
	quick := asks
	quick.Interval = sec / 2
	for _, tt := range []struct {
		name string
		c    Checkup
		up   time.Duration // before now
		draw float64
		next time.Duration // from now, 0 none
	}{
		{"nothing to ask", Checkup{Silent: sec}, 0, 0, 0},
		{"just up: within a second", asks, 0, 0, sec},
		{"spread", asks, 0, 0.75, sec / 4},
		{"within a shorter interval", quick, 0, 0, sec / 2},
		{"up for an interval", asks, 10 * sec, 0, sec},
		{"taken over, or new rules: within an interval", asks, 10*sec + 1, 0, 10 * sec},
		{"spread over it", asks, time.Hour, 0.9, sec},
	} {
		now := 24 * time.Hour
		h := Look(tt.c, Moment{At: now, Draw: tt.draw}, now-tt.up)
		next := tt.next
		if next != 0 {
			next += now
		}
		if h != (Health{Since: now - tt.up, Begun: now, Good: now, Next: next}) {
			t.Errorf("%s: %+v, want the next check %v from now", tt.name, h, tt.next)
		}
		if h.Due(now) || tt.next != 0 && (h.Due(now+tt.next-1) || !h.Due(now+tt.next)) {
			t.Errorf("%s: due too early or too late", tt.name)
		}
	}
}

// TestAnswer is every kind of answer in every state that tells them apart.
func TestAnswer(t *testing.T) {
	const began = time.Hour
	for _, tt := range []struct {
		name   string
		h      Health        // before, but for Since, Begun and Asked
		at     time.Duration // since it was up
		well   bool
		draw   float64
		want   Health // likewise, but for Next and Good
		found  Finding
		next   time.Duration // from the answer
		isGood bool
	}{
		{"well at once", Health{}, sec, true, 0, Health{Once: true}, AsBefore, 10 * sec, true},
		{"well at once, spread over an interval", Health{}, sec, true, 0.7, Health{Once: true}, AsBefore, 3 * sec, true},
		{"well again and again", Health{Once: true}, sec, true, 0, Health{Once: true}, AsBefore, 10 * sec, true},
		{"a little spread", Health{Once: true}, sec, true, 0.5, Health{Once: true}, AsBefore, 9500 * time.Millisecond, true},
		{"not yet there", Health{}, sec, false, 0, Health{Tried: 1}, AsBefore, sec, false},
		{"still not there: less often", Health{Tried: 1}, sec, false, 0, Health{Tried: 2}, AsBefore, 2 * sec, false},
		{"less and less", Health{Tried: 3}, sec, false, 0, Health{Tried: 4}, AsBefore, 8 * sec, false},
		{"at most an interval", Health{Tried: 4}, sec, false, 0, Health{Tried: 5}, AsBefore, 10 * sec, false},
		{"for ever", Health{Tried: 1 << 20}, sec, false, 0, Health{Tried: 1<<20 + 1}, AsBefore, 10 * sec, false},
		{"there at last", Health{Tried: 4}, sec, true, 0, Health{Tried: 4, Once: true}, AsBefore, 10 * sec, true},
		{"a moment before the start is over", Health{Tried: 1}, 30*sec - 1, false, 0, Health{Tried: 2}, AsBefore, 2 * sec, false},
		{"the start is over", Health{Tried: 1}, 30 * sec, false, 0, Health{Tried: 1, Failed: 1}, BeginsFail, 10 * sec, false},
		{"it was there before: it counts", Health{Once: true}, 2 * sec, false, 0, Health{Once: true, Failed: 1}, BeginsFail, 10 * sec, false},
		{"the second", Health{Once: true, Failed: 1}, time.Minute, false, 0, Health{Once: true, Failed: 2}, StillFails, 10 * sec, false},
		{"the third", Health{Once: true, Failed: 2}, time.Minute, false, 0, Health{Once: true, Failed: 3}, IsUnhealthy, 10 * sec, false},
		{"never there, the third", Health{Failed: 2}, time.Minute, false, 0, Health{Failed: 3}, IsUnhealthy, 10 * sec, false},
		{"fewer retries than before", Health{Failed: 7}, time.Minute, false, 0, Health{Failed: 8}, IsUnhealthy, 10 * sec, false},
		{"well again", Health{Once: true, Failed: 2}, time.Minute, true, 0, Health{Once: true}, WellAgain, 10 * sec, true},
		{"there at last, after failures that counted", Health{Failed: 2}, time.Minute, true, 0, Health{Once: true}, WellAgain, 10 * sec, true},
	} {
		h := tt.h
		h.Since, h.Begun, h.Good, h.Asked = began, began, began, true
		got, found := h.Answer(asks, Moment{At: began + tt.at, Draw: tt.draw}, tt.well)
		want := tt.want
		want.Since, want.Begun, want.Good, want.Next = began, began, began, began+tt.at+tt.next
		if tt.isGood {
			want.Good = began + tt.at
		}
		if got != want || found != tt.found {
			t.Errorf("%s: %v %+v\nwant %v %+v", tt.name, found, got, tt.found, want)
		}
	}
	one := asks
	one.Retries, one.Start = 1, 0
	if _, found := (Health{Since: began}).Answer(one, Moment{At: began}, false); found != IsUnhealthy {
		t.Errorf("without patience: %v", found)
	}
}

// A check that is under way has no deadline, and one that comes to nothing counts for nothing.
func TestAskAndAbandon(t *testing.T) {
	h := Health{Since: sec, Begun: sec, Good: sec, Next: 2 * sec, Failed: 2, Once: true}.Ask()
	if _, ok := h.Deadline(asks); ok || h.Due(time.Hour) || !h.Asked {
		t.Errorf("a second one beside it: %+v", h)
	}
	h = h.Abandon(asks, Moment{At: 5 * sec, Draw: 0.5})
	if h != (Health{Since: sec, Begun: sec, Good: sec, Next: 14500 * time.Millisecond, Failed: 2, Once: true}) {
		t.Errorf("%+v", h)
	}
}

func TestOverdue(t *testing.T) {
	const b = time.Hour // looked at since, and up
	all := Checkup{Watchdog: 10 * sec, Silent: 20 * sec, Idle: 30 * sec}
	slow := all
	slow.Start = 25 * sec
	for _, tt := range []struct {
		name  string
		c     Checkup
		h     Health
		at    time.Duration // since b
		want  Cause
		until time.Duration // the deadline, since b
	}{
		{"nothing is wanted", Checkup{Asks: true}, Health{}, 9999 * sec, NoCause, -b},
		{"nothing came, not long yet", all, Health{}, 10*sec - 1, NoCause, 10 * sec},
		{"no WATCHDOG=1", all, Health{}, 10 * sec, ByWatchdog, 10 * sec},
		{"it came", all, Health{Pet: b + 5*sec}, 15*sec - 1, NoCause, 15 * sec},
		{"it came, and no more", all, Health{Pet: b + 5*sec}, 15 * sec, ByWatchdog, 15 * sec},
		{"it came before it was looked at", all, Health{Pet: b - 5*sec}, 10*sec - 1, NoCause, 10 * sec},
		{"silence", all, Health{Pet: b + 15*sec, Job: b + 1}, 20 * sec, BySilence, 20 * sec},
		{"not silent", all, Health{Pet: b + 30*sec, Output: b + 19*sec}, 30*sec - 1, NoCause, 30 * sec},
		{"no job", all, Health{Pet: b + 30*sec, Output: b + 19*sec}, 30 * sec, ByIdleness, 30 * sec},
		{"a job", all, Health{Pet: b + 80*sec, Output: b + 80*sec, Job: b + 2*sec}, 32*sec - 1, NoCause, 32 * sec},
		{"all at once: the surest first", all, Health{}, 9999 * sec, ByWatchdog, 10 * sec},
		{"still starting", slow, Health{}, 25*sec - 1, NoCause, 25 * sec},
		{"started", slow, Health{}, 25 * sec, ByWatchdog, 25 * sec},
		{"a check is first", all, Health{Next: b + sec}, 2 * sec, NoCause, sec},
	} {
		h := tt.h
		h.Since, h.Begun = b, b
		if got := h.Overdue(tt.c, b+tt.at); got != tt.want {
			t.Errorf("%s: cause %d, want %d", tt.name, got, tt.want)
		}
		if at, ok := h.Deadline(tt.c); ok != (tt.until != -b) || at != b+tt.until {
			t.Errorf("%s: deadline %v %v, want %v", tt.name, at-b, ok, tt.until)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []Checkup{{Asks: true}, {Watchdog: 1}, {Silent: 1}, {Idle: 1}} {
		if !c.Wanted() {
			t.Errorf("%+v", c)
		}
	}
	if (Checkup{Interval: sec, Retries: 3, Start: sec}).Wanted() {
		t.Error("there is nothing to look at")
	}
}

// How long it had been well decides how soon it is started again.
func TestWellFor(t *testing.T) {
	const b = time.Hour
	at := func(d time.Duration) Moment { return Moment{At: b + d} }
	answered := func(h Health, d time.Duration, well bool) Health {
		h, _ = h.Answer(asks, at(d), well)
		return h
	}
	never := answered(Look(asks, at(0), b), 40*sec, false)
	once := answered(answered(Look(asks, at(0), b), 40*sec, true), 50*sec, false)
	for _, tt := range []struct {
		name string
		h    Health
		want time.Duration
	}{
		{"never", never, 0},
		{"until the last success", once, 40 * sec},
		{"taken over after a day", answered(Look(asks, at(24*time.Hour), b), 25*time.Hour, false), 24 * time.Hour},
		{"until the last output", Look(all(), at(0), b).Heard(b+7*sec, b+3*sec), 7 * sec},
		{"until the last WATCHDOG=1", Look(all(), at(0), b).Heard(0, b+3*sec), 3 * sec},
		{"until the last job", Look(all(), at(0), b).Worked(b + 9*sec), 9 * sec},
		{"older news change nothing", Look(all(), at(0), b).Heard(b+7*sec, 0).Heard(b+2*sec, 0), 7 * sec},
	} {
		if got := tt.h.WellFor(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func all() Checkup { return Checkup{Watchdog: sec, Silent: sec, Idle: sec} }

// TestHealthStray lets chance ask and answer, and holds that there is one check at
// a time, a next one within an interval, and no more failures than are allowed.
func TestHealthStray(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ill := 0
	for range 2000 {
		c := Checkup{Asks: true, Interval: time.Duration(1+r.IntN(20)) * sec, Retries: 1 + r.IntN(4), Start: time.Duration(r.IntN(40)) * sec}
		now := time.Hour
		h := Look(c, Moment{At: now, Draw: r.Float64()}, now)
		for range 50 {
			next, ok := h.Deadline(c)
			if !ok || next < now || next > now+c.Interval {
				t.Fatalf("at %v: next check at %v, %v: %+v", now, next, ok, h)
			}
			now = next
			if !h.Due(now) {
				t.Fatalf("not due at its deadline: %+v", h)
			}
			h = h.Ask()
			now += time.Duration(r.Int64N(int64(5 * sec)))
			if r.IntN(10) == 0 {
				h = h.Abandon(c, Moment{At: now, Draw: r.Float64()})
				continue
			}
			was := h
			var found Finding
			h, found = h.Answer(c, Moment{At: now, Draw: r.Float64()}, r.IntN(3) == 0)
			if err := findingFits(c, was, h, found); err != nil {
				t.Fatalf("%v\nbefore %+v\nafter  %+v", err, was, h)
			}
			if found == IsUnhealthy {
				ill++
				break
			}
		}
	}
	if ill < 100 {
		t.Errorf("only %d became unhealthy", ill)
	}
}

func findingFits(c Checkup, was, h Health, found Finding) error {
	switch {
	case (found == IsUnhealthy) != (h.Failed >= c.Retries):
		return fmt.Errorf("finding %d after %d failures of %d", found, h.Failed, c.Retries)
	case h.Failed != 0 && h.Failed != was.Failed+1:
		return fmt.Errorf("%d failures after %d", h.Failed, was.Failed)
	case found == WellAgain && (was.Failed == 0 || h.Failed != 0):
		return fmt.Errorf("well again without a failure before")
	case found == BeginsFail && (was.Failed != 0 || h.Failed != 1):
		return fmt.Errorf("it fails already")
	}
	return nil
}
