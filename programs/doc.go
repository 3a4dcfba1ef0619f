// Package programs is the life of one instance as a pure function.
//
// [Step] takes a policy, a state, a moment and an event, and returns the next
// state and what must be done. It touches no process, no clock and no file:
// time is a number in the [Moment], chance is a number in it too, and what the
// kernel said comes in as an [Event]. Any event in any state has an answer,
// often "nothing".
//
// The invariants, held by a test that walks every reachable state:
//
//   - an instance has at most two live runs, and two only while a recycle with
//     overlap is under way;
//   - a run that waits for something that may not come has a deadline;
//   - a run ends when its cgroup is empty, never before;
//   - no run is started while the instance is not wanted.
//
// Start reading at state.go, then machine.go. backoff.go says how long to wait,
// classify.go why a run ended, recycle.go when one is due, tripwire.go what a
// memory event means, pool.go who may recycle next. ladder.go and victim.go say what
// is done for a host that is short of memory, giveway.go what that is for an instance.
package programs
