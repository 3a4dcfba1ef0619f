package programs

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var g Growing
	const line, available, at = 100, 1000, time.Second
	wait := func(need int64, now time.Duration) bool { return g.Wait(need, available, line, now) }
	if wait(5000, at) {
		t.Error("where nothing grows, something waits")
	}
	started := 0
	for ; started < 100 && !wait(200, at); started++ {
		g.Add(200, at)
	}
	if started != 4 {
		t.Errorf("%d of 200 bytes each were started with 900 to spare, want 4", started)
	}
	if wait(100, at) {
		t.Error("what fits waits")
	}
	if wait(0, at) {
		t.Error("who is not known waits")
	}
	if g.Wait(200, available, 0, at) {
		t.Error("without a line something waits")
	}
	g.Add(0, at)
	if !wait(200, at+Settling-1) {
		t.Error("they have settled too soon")
	}
	if wait(200, at+Settling) || g.owed != 0 || len(g.runs) != 0 {
		t.Errorf("they have not settled: %+v", g)
	}
}
