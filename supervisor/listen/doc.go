// Package listen is supervisord's event system as pure values: what events there
// are and how they read on the wire, what a listener says and what follows, and
// the pools that hand events out. It touches no process and no clock; moments are
// numbers that the caller gives.
//
// A [Hub] numbers events and offers them to its pools. A [Pool] keeps what no
// listener can take now, and answers every input with [Action] values: what to write
// to whom and what to log. A [Listener] is the protocol of one process.
//
// Invariants: an event that a pool has accepted is, until a listener says OK, either in
// the pool's buffer or in the hands of exactly one listener, unless the buffer
// overflowed, which is told. A rejected event comes back to the pool it was rejected
// in and to no other. What a listener can make us keep is bounded.
//
// What differs from supervisord 4.2.5, on purpose:
//
//   - a rejected event goes to another listener at once, to the one that rejected it
//     only after [RedeliveryPause]; supervisord tries again without end or pause;
//   - supervisord returns a rejected event to every pool that has a process of equal
//     priority;
//   - RESULT 0 is a complete answer (and not OK) as it stands; supervisord waits for
//     more output. A length below zero, above [ResultMost], or a line longer than
//     [LineMost] breaks the protocol;
//   - an event whose name begins with BULKHEAD is told to who asked for it or for
//     BULKHEAD. EVENT does not mean it: listeners written for supervisord know
//     every event that EVENT brings.
//
// As in supervisord, len in the envelope counts characters, not bytes: the
// listeners that exist read text. One that reads bytes must decode first.
//
// Pools are plain data: encoding one as JSON and back loses nothing, so that a
// successor of the supervisor goes on where it was.
//
// Start reading at hub.go, then pool.go and listener.go.
package listen
