// Bench runs the same work under bulkhead and under its peers, in turn, on one
// machine, and says how they compare: `make bench`.
//
// Each peer is started in a directory of its own under a temporary one, with a
// configuration from templates, and does each work at each N; several rounds of
// all of them are interleaved, so that a neighbour's noise falls on everyone.
// The result are medians and their ratios: a time alone means little on a shared
// machine. They are printed and written to docs/benchmarks.md.
//
// It fails when bytes, counts or states are wrong, never on a time. What it has
// started it ends, by pid, also on Ctrl-C: whatever carries the run's directory
// in its environment or arguments.
//
// The children are templates/worker.c, static and without a runtime: they say
// by the clock of the machine when they run, so that nothing has to be polled
// while a time is taken.
//
// Start reading at [peer] and [work], then session.go.
package main
