package programs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// walkPolicies are small enough for their states to be walked completely, and
// differ in everything that Step branches on.
var walkPolicies = map[string]Policy{
	"worker": {AutoRestart: RestartAlways, StartWait: time.Second, StartRetries: -1, ExitCodes: []int{0}, RecycleCodes: []int{0, 12},
		SelfKill: true, CountsJobs: true, StopWait: 3 * time.Second, LeftoverWait: time.Second,
		MaxJobs: 2, MaxAge: 100 * time.Second, Jitter: 0.5, MinLifetime: 5 * time.Second},
	"service": {AutoRestart: RestartUnexpected, StartWait: time.Second, StartRetries: 1, ExitCodes: []int{0},
		StopWait: 3 * time.Second, LeftoverWait: time.Second},
	"ready": {AutoRestart: RestartNever, NeedReady: true, StartRetries: -1, ExitCodes: []int{0},
		StopWait: 3 * time.Second, LeftoverWait: time.Second},
}

// TestWalk visits every reachable state, breadth first, gives each every event,
// and holds the invariants of doc.go over every step.
func TestWalk(t *testing.T) {
	for name, p := range walkPolicies {
		t.Run(name, func(t *testing.T) {
			states, steps, edges := walk(t, p)
			t.Logf("%d states, %d steps, %d edges between public states", states, steps, len(edges))
			if states < 40 {
				t.Errorf("only %d states: the walk does not reach what it should", states)
			}
			for _, pub := range []Public{STOPPED, STARTING, RUNNING, BACKOFF, STOPPING} {
				if !reached(edges, pub) {
					t.Errorf("no step leads to %v", pub)
				}
			}
		})
	}
}

func reached(edges map[[2]Public]bool, to Public) bool {
	for e := range edges {
		if e[1] == to {
			return true
		}
	}
	return false
}

// takeover tells the events that begin in the middle.
func takeover(e Event) bool {
	switch e.(type) {
	case Adopted, Found, Unborn:
		return true
	}
	return false
}

type node struct {
	s   State
	now time.Duration
}

func walk(t *testing.T, p Policy) (states, steps int, edges map[[2]Public]bool) {
	t.Helper()
	edges = map[[2]Public]bool{}
	seen := map[State]bool{}
	queue := []node{{now: time.Hour}}
	seen[key(queue[0])] = true
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		states++
		if states > 60_000 {
			t.Fatal("the state space does not close")
		}
		for _, at := range moments(p, n) {
			all := events(n.s, at)
			if !p.CountsJobs { // a worker's states times these are too many to walk: TestStray goes there
				all = append(all, shortages...)
			}
			for _, e := range all {
				m := Moment{At: at}
				next, acts := Step(p, n.s, m, e)
				steps++
				if err := invariant(p, n.s, next, m, e, acts); err != nil {
					t.Fatalf("%v\nbefore %+v\nevent  %T%+v at %v\nafter  %+v\nacts   %+v", err, n.s, e, e, at, next, acts)
				}
				edges[[2]Public{n.s.Public(), next.Public()}] = true
				if from, to, ok := passes(n.s, next); !ok && !takeover(e) {
					t.Fatalf("passes from %v to %v\nbefore %+v\nevent  %T%+v\nafter  %+v", from, to, n.s, e, e, next)
				}
				if _, found := e.(Found); found && n.s.Cur.Live() {
					continue // pairs that nothing else makes: TestStray goes on from them
				}
				nn := node{next, at}
				if k := key(nn); !seen[k] {
					seen[k] = true
					queue = append(queue, nn)
				}
			}
		}
	}
	return states, steps, edges
}

// TestStray takes many long walks by chance, seeded, through what the full walk
// leaves out: pairs of runs of which one was found.
func TestStray(t *testing.T) {
	for name, p := range walkPolicies {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			pairs := 0
			for range 3000 {
				n := node{now: time.Hour}
				for range 40 {
					all := moments(p, n)
					at := all[r.IntN(len(all))]
					choice := append(events(n.s, at), shortages...)
					e := choice[r.IntN(len(choice))]
					m := Moment{At: at, Draw: r.Float64()}
					next, acts := Step(p, n.s, m, e)
					if err := invariant(p, n.s, next, m, e, acts); err != nil {
						t.Fatalf("%v\nbefore %+v\nevent  %T%+v at %v\nafter  %+v\nacts   %+v", err, n.s, e, e, at, next, acts)
					}
					if _, found := e.(Found); found && next.Side.Live() {
						pairs++
					}
					n = node{next, at}
				}
			}
			if pairs < 100 {
				t.Errorf("only %d pairs found", pairs)
			}
		})
	}
}

// moments are now, the state's deadline, and a time when all is forgotten.
func moments(p Policy, n node) []time.Duration {
	out := []time.Duration{n.now}
	if at, ok := n.s.Deadline(p); ok && at > n.now {
		out = append(out, at)
	} else if !ok {
		out = append(out, n.now+2*time.Minute)
	}
	return out
}

// shortages are the events of a host that is short of memory.
var shortages = []Event{Held{true}, Held{false}, GiveWay{}, Sacrificed{}}

func events(s State, at time.Duration) []Event {
	out := []Event{Start{}, Stop{}, Stop{Now: true}, Restart{}, RecycleNow{Requested}, Admit{}, Admit{Overlap: true}, Tick{},
		Found{s.LastN + 1, at}}
	if s.Cur.N > 1 {
		out = append(out, Found{s.Cur.N - 1, at})
	}
	for _, n := range []uint64{s.Cur.N, s.Side.N, 999_999} {
		if n == 0 {
			continue
		}
		out = append(out, Spawned{n}, SpawnFailed{n}, Ready{n}, JobsDone{n, 1}, Crossed{n}, OverLimit{n}, Stuck{n}, Unwell{Run: n}, Emptied{n},
			Unborn{n}, Adopted{Run: n, Born: at}, Adopted{Run: n, Born: at, Lost: true})
		for _, x := range []Exit{{}, {Code: 1}, {Code: 12}, {Code: -1, Signal: 9}, {Code: -1, Signal: 9, OOM: OwnOOM}, {Code: -1, Unknown: true}} {
			out = append(out, MainExited{Run: n, Exit: x}, MainExited{Run: n, Exit: x, Left: true})
		}
	}
	return out
}

// key makes two states equal that no decision tells apart: absolute times, run
// numbers, ages within the same bracket, how a finished process ended (that is
// classify's truth table), and the wording of a reason.
func key(n node) State {
	s := n.s
	newest := s.Side.N > s.Cur.N
	s.Cur, s.Side = keyRun(s.Cur, n.now), keyRun(s.Side, n.now)
	if s.Side.Live() && newest {
		s.Side.N = 2
	}
	s.Again -= n.now
	if s.Again <= 0 {
		s.Again = 0
	}
	s.LastN, s.Last = 0, Reason{}
	s.Level = min(s.Level, 2)
	if s.Due != NoWhy {
		s.Due = Requested
	}
	return s
}

func keyRun(r Run, now time.Duration) Run {
	if !r.Live() {
		return r
	}
	k := Run{N: 1, Phase: r.Phase, Up: r.Up, Said: r.Said && r.Phase == Spawning, Hurry: r.Hurry && r.Phase == Spawning, Outgrew: r.Outgrew, Jobs: min(r.Jobs, max(r.MaxJobs, 1))}
	if r.Until != 0 {
		k.Until = r.Until - now + 1
	}
	if r.Asked != AskedNothing {
		k.Asked = AskedStop
		if r.Asked >= AskedGiveWay { // held afterwards
			k.Asked = AskedGiveWay
		}
		return k
	}
	for _, age := range []time.Duration{time.Second, 5 * time.Second, time.Minute} {
		if r.Born != 0 && now-r.Born >= age {
			k.Born = age
		}
	}
	return k
}

func invariant(p Policy, old, s State, m Moment, e Event, acts []Action) error {
	for _, r := range []Run{s.Cur, s.Side} {
		if !r.Live() {
			if r != (Run{}) {
				return fmt.Errorf("a dead run keeps facts")
			}
			continue
		}
		waits := r.Phase == Starting || r.Phase == Stopping || r.Phase == Killing || r.Phase == Leftover
		if waits != (r.Until != 0) {
			return fmt.Errorf("run %d in phase %d: deadline %v", r.N, r.Phase, r.Until)
		}
		if r.Until != 0 && r.Until < m.At {
			return fmt.Errorf("run %d: deadline passed", r.N)
		}
		if r.N > s.LastN {
			return fmt.Errorf("run %d is newer than the newest", r.N)
		}
	}
	if s.Side.Live() && !s.Cur.Live() {
		return fmt.Errorf("a side run without a current one")
	}
	if s.Cur.Live() && s.Cur.N == s.Side.N {
		return fmt.Errorf("one run twice")
	}
	if s.Side.Live() && !old.Side.Live() {
		a, admitted := e.(Admit)
		if _, found := e.(Found); !found && !(admitted && a.Overlap) {
			return fmt.Errorf("two runs without an overlap")
		}
	}
	if s.Slot && !s.Cur.Live() {
		return fmt.Errorf("a slot held by nothing")
	}
	if s.Rest == Waiting && !s.Cur.Live() && (s.Again == 0 && !s.Held || !s.Want) {
		return fmt.Errorf("BACKOFF that never ends")
	}
	return actionsFit(old, s, e, acts)
}

// actionsFit: what is asked of the edge names runs that exist or just ended,
// spawns exactly the new ones, and releases exactly the ended ones.
func actionsFit(old, s State, e Event, acts []Action) error {
	live := map[uint64]bool{s.Cur.N: true, s.Side.N: true}
	was := map[uint64]bool{old.Cur.N: true, old.Side.N: true}
	spawned, released := 0, map[uint64]bool{}
	for _, a := range acts {
		switch a := a.(type) {
		case Spawn:
			spawned++
			if !live[a.Run] || was[a.Run] || !s.Want {
				return fmt.Errorf("spawns run %d", a.Run)
			}
		case Release:
			released[a.Run] = true
			if live[a.Run] || !was[a.Run] {
				return fmt.Errorf("releases run %d", a.Run)
			}
		case SignalStop:
			if !live[a.Run] {
				return fmt.Errorf("signals run %d", a.Run)
			}
		case Kill:
			if !live[a.Run] {
				return fmt.Errorf("kills run %d", a.Run)
			}
		}
	}
	if _, found := e.(Found); found && spawned > 0 {
		return fmt.Errorf("spawns where something was found to run")
	} else if !found && uint64(spawned) != s.LastN-old.LastN {
		return fmt.Errorf("%d spawns for %d new runs", spawned, s.LastN-old.LastN)
	}
	for n := range was {
		if n != 0 && !live[n] && !released[n] && s.Last.Kind != KindSpawnFailed {
			return fmt.Errorf("run %d vanished without a release", n)
		}
	}
	return nil
}
