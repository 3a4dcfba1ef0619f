package programs

import (
	"testing"
	"time"
)

func TestNeed(t *testing.T) {
	const mib = 1 << 20
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	var n Need
	if got := n.Each(begin); got != 0 {
		t.Fatalf("nothing was learned, and it needs %d", got)
	}
	for _, step := range []struct {
		after   time.Duration
		measure int64
		changed bool
		each    int64
	}{
		{0, 1, true, 1},                    // what was never known is learned however small
		{0, 100 * mib, true, 100 * mib},    //
		{day, 50 * mib, false, 100 * mib},  // less is no news
		{day, 103 * mib, false, 100 * mib}, // nor is hardly more
		{day, 104 * mib, true, 104 * mib},  // a 32nd more is
		{6 * day, 90 * mib, false, 104 * mib},
		{7 * day, 60 * mib, true, 104 * mib}, // the next span: the one before counts still
		{13 * day, 70 * mib, true, 104 * mib},
		{14 * day, 10 * mib, true, 70 * mib}, // and no more
		{12 * day, 20 * mib, true, 70 * mib}, // a clock that was set back
		{90 * day, 5 * mib, true, 5 * mib},   // long off: nothing of then counts
	} {
		now := begin.Add(step.after)
		next, changed := n.Learn(step.measure, now)
		if n = next; changed != step.changed || n.Each(now) != step.each {
			t.Errorf("%d MiB after %v: changed %v, needs %d MiB; want %v, %d MiB", step.measure/mib, step.after, changed, n.Each(now)/mib, step.changed, step.each/mib)
		}
	}
	if got := n.Each(begin.Add(200 * day)); got != 0 {
		t.Errorf("after months %d are known", got)
	}
}
