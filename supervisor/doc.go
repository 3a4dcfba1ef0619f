// Package supervisor is the running daemon: one loop that owns all state, and
// the edges that bring it facts and carry out what it decides.
//
// It decides when (start and stop order, whose turn a recycle is, reload,
// shutdown), never whether to restart: that is package programs. It spells
// wishes for the kernel nowhere: that is package cgroup and supervisor/spawn.
//
// The invariant: only the loop's goroutine touches instances and their states.
// Everybody else sends it an event and reads the snapshot that it publishes.
// Nothing slow happens on it; what may block runs in a run's own lane and comes
// back as an event.
//
// Start reading at loop.go. edge.go is what the loop asks of the outside and
// process.go the real outside for one run; orders.go and reload.go are what
// users ask for; tell.go is the one place where a change of state becomes a log
// line and an event, publish.go where it becomes a status.
package supervisor
