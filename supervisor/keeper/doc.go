// Package keeper holds descriptors open for a supervisor that may die.
//
// The output of a run is a FIFO. When its last descriptor is closed the
// kernel drops what is in it: the last lines of a worker that ended while
// there was no supervisor. The keeper is a process of its own, of the same
// binary, that holds a descriptor of every FIFO until it is told to let go.
//
// It owns both ends: [Run], the life of the process, and [Keeper], a
// supervisor's connection to it. The process never reads or writes what it
// holds, never decides when to let go, and never logs. It is nobody's child
// and outlives crash, upgrade and leave of the supervisor that started it.
//
// Start reading at [Open], then run.go (the process) and packet.go (what they
// say to each other).
//
// # One supervisor
//
// A newer connection replaces the older one, whose packets are all read
// first: what was sent counts, even if its sender is dead. A connection is not
// handed over an exec: the new image opens its own.
//
// # Two keepers
//
// A keeper holds a lock on SOCKET.lock for life and binds the socket only with
// it. A second one finds the lock taken and ends, so any number of starters
// come to the same keeper.
package keeper
