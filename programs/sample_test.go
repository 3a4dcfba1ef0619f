package programs

import (
	"testing"
	"time"
)

func TestRest(t *testing.T) {
	at := time.Unix(1e9, 0)
	still := Looked{At: at, Next: SampleCalm, Room: 80, Still: true, Lost: 1000}
	moves, over, soon := still, still, still
	moves.Still = false
	over.Room = 0
	soon.Next = SampleLow
	for _, c := range []struct {
		name  string
		l     Looked
		since time.Duration
		lost  int64
		want  time.Duration
	}{
		{"never looked at", Looked{}, time.Hour, 0, 0},
		{"just looked at", still, 0, 1000, SampleCalm},
		{"whatever is lost, not before its time", still, time.Second, 1 << 40, time.Second},
		{"nearly its time", soon, SampleLow / 2, 1020, 0},
		{"nothing is lost", still, SampleCalm, 1000, SampleCalm},
		{"a little is lost", still, 7 * SampleCalm, 1019, SampleCalm},
		{"a quarter of its room", still, SampleCalm, 1020, 0},
		{"long ago", still, SampleMost, 1000, 0},
		{"it moves", moves, SampleCalm, 1000, 0},
		{"over its line", over, SampleCalm, 1000, 0},
	} {
		if got := c.l.Rest(at.Add(c.since), c.lost); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPassHolds(t *testing.T) {
	at := time.Unix(1e9, 0)
	whole := Pass{At: at, Ran: time.Second, Whole: true}
	part := whole
	part.Whole = false
	for _, c := range []struct {
		name          string
		p             Pass
		since         time.Duration // the pass, and the last early look
		ran           time.Duration
		holds, stalls bool
	}{
		{"nothing has run", whole, time.Minute, time.Second, true, false},
		{"something has", whole, time.Minute, time.Second + time.Microsecond, false, false},
		{"not all were looked at", part, SampleMost, time.Second, false, true},
		{"nor is all still", part, SampleMost, time.Second + time.Microsecond, false, false},
		{"nor is the early look long ago", part, SampleMost - 1, time.Second, false, false},
		{"there was none", Pass{}, 0, 0, false, false},
		{"long ago", whole, PassMost, time.Second, false, false},
	} {
		now := at.Add(c.since)
		if holds, stalls := c.p.Holds(now, c.ran), c.p.Stalls(now, at, c.ran); holds != c.holds || stalls != c.stalls {
			t.Errorf("%s: holds %v, stalls %v", c.name, holds, stalls)
		}
	}
	for _, c := range []struct {
		next    time.Duration
		swapped bool
		want    time.Duration
	}{
		{SampleMost, false, SampleMost}, // no run has a line, or the kernel tells
		{SampleMost, true, SampleCalm},
		{SampleCalm, false, SampleCalm},
		{SampleLow, false, SampleCalm}, // what grew does not, as long as it does not run
	} {
		if got := (Pass{Next: c.next}).Again(c.swapped); got != c.want {
			t.Errorf("%v, swapped %v: again after %v, want %v", c.next, c.swapped, got, c.want)
		}
	}
}
