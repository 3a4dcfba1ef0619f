// Package listen is supervisord's event system as a pure machine: what kinds of events
// there are, how one is written for a listener, what a listener answers, and which
// of a pool's listeners gets which event.
//
// It never touches a process or a clock and never logs. Time is a number in the calls;
// what must be done comes back as effects. A Board is plain data: it is handed to
// a successor as it is.
//
// Its invariant: an accepted event is delivered and answered OK, or waits, or was
// dropped because its pool's buffer was full, which is an effect. None is lost
// otherwise, and none is with two listeners of a pool at once.
//
// Start reading at board.go; protocol.go is one listener, types.go the tree of events.
package listen
