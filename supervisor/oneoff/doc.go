// Package oneoff runs one command for a script, in a cgroup of its own: it takes the
// command's turn among others of the same lock, waits for memory, starts it where the
// caller stands, passes signals on to it and says what the kernel did to it.
//
// It needs no supervisor. What several of them must agree on is held by flock(2) on files of one
// folder, so that the end of a holder, however it ends, gives it free; and a cgroup
// is named after the process that runs the command, so that the next one finds what the dead left.
//
// It never restarts a command, never reads its output, and never prints: what is
// to be said goes to [Plan].Say.
//
// Start reading at [NewPlan], which decides, then run.go, which does.
package oneoff
