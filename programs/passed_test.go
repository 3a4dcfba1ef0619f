package programs

import (
	"slices"
	"testing"
)

// TestPassed reads what shows of a step.
func TestPassed(t *testing.T) {
	run := func(n uint64, ph Phase) Run { return Run{N: n, Phase: ph} }
	end := func(n uint64, up bool, asked Asked) Reason { return Reason{Run: n, Up: up, Asked: asked} }
	for _, c := range []struct {
		name      string
		old, next State
		want      []Public
	}{
		{"nothing", State{Cur: run(1, Running)}, State{Cur: run(1, Running)}, nil},
		{"a start", State{}, State{Cur: run(1, Spawning)}, []Public{STARTING}},
		{"born", State{Cur: run(1, Spawning)}, State{Cur: run(1, Starting)}, nil},
		{"up", State{Cur: run(1, Starting)}, State{Cur: run(1, Running)}, []Public{RUNNING}},
		{"crashed and started again", State{Cur: run(1, Running)}, State{Cur: run(2, Spawning), Last: end(1, true, AskedNothing)}, []Public{EXITED, STARTING}},
		{"crashed, and waits", State{Cur: run(1, Running)}, State{Rest: Waiting, Last: end(1, true, AskedNothing)}, []Public{EXITED, BACKOFF}},
		{"ended for good", State{Cur: run(1, Running)}, State{Rest: Exited, Last: end(1, true, AskedNothing)}, []Public{EXITED}},
		{"too quickly", State{Cur: run(1, Starting)}, State{Rest: Waiting, Last: end(1, false, AskedNothing)}, []Public{BACKOFF}},
		{"given up", State{Cur: run(1, Starting)}, State{Rest: Fatal, Last: end(1, false, AskedNothing)}, []Public{BACKOFF, FATAL}},
		{"asked to stop", State{Cur: run(1, Running)}, State{Cur: run(1, Stopping)}, []Public{STOPPING}},
		{"stopped", State{Cur: run(1, Stopping)}, State{Last: end(1, true, AskedStop)}, []Public{STOPPED}},
		{"restarted", State{Cur: run(1, Stopping)}, State{Cur: run(2, Spawning), Last: end(1, true, AskedRestart)}, []Public{STOPPED, STARTING}},
		{"recycled", State{Cur: run(1, Stopping)}, State{Cur: run(2, Spawning), Last: end(1, true, AskedRecycle)}, []Public{STOPPED, STARTING}},
		{"stopped while it was forked", State{Cur: run(1, Spawning)}, State{Last: end(1, false, AskedStop)}, []Public{STOPPING, STOPPED}},
		{"the replacement takes over", State{Cur: run(1, Running), Side: run(2, Starting)}, State{Cur: run(2, Running), Side: run(1, Stopping)}, nil},
		{"the predecessor is gone", State{Cur: run(2, Running), Side: run(1, Stopping)}, State{Cur: run(2, Running), Last: end(1, true, AskedRecycle)}, nil},
		{"the old one dies, the replacement is not up", State{Cur: run(1, Running), Side: run(2, Starting)},
			State{Cur: run(2, Starting), Last: end(1, true, AskedNothing)}, []Public{EXITED, STARTING}},
		{"no longer waited for", State{Rest: Waiting}, State{}, []Public{STOPPED}},
		{"tried again", State{Rest: Waiting, Last: end(1, false, AskedNothing)}, State{Cur: run(2, Spawning), Last: end(1, false, AskedNothing)}, []Public{STARTING}},
	} {
		if got := Passed(c.old, c.next); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// supervisordEdges are the transitions that supervisord has, and what is bulkhead's own:
// others of its cgroup outlive the main process, or it did not get ready.
var supervisordEdges = map[[2]Public]bool{
	{STOPPED, STARTING}: true, {STARTING, RUNNING}: true, {STARTING, BACKOFF}: true, {STARTING, STOPPING}: true,
	{RUNNING, EXITED}: true, {RUNNING, STOPPING}: true, {BACKOFF, STARTING}: true, {BACKOFF, FATAL}: true, {BACKOFF, STOPPED}: true,
	{STOPPING, STOPPED}: true, {EXITED, STARTING}: true, {FATAL, STARTING}: true,
	{EXITED, BACKOFF}: true, {EXITED, FATAL}: true, {STOPPING, EXITED}: true, {STOPPING, BACKOFF}: true, {STOPPING, RUNNING}: true,
	{STARTING, EXITED}: true,
}

// passes holds Passed to every step of the walk but those of a takeover.
func passes(old, next State) (Public, Public, bool) {
	at := old.Public()
	for _, p := range Passed(old, next) {
		if !supervisordEdges[[2]Public{at, p}] {
			return at, p, false
		}
		at = p
	}
	return at, next.Public(), at == next.Public()
}
