// Package replay plays four outages again, in a virtual machine, each of them twice with
// the same workload: once under Debian's supervisord, once under bulkhead.
//
//  1. leak:    queue workers leak, and then comes a deployment (leak_replay_test.go)
//  2. hoard:   converters hoard memory, the web server stops listening (hoard_replay_test.go)
//  3. count:   numprocs is set far too high (count_replay_test.go)
//  4. keep:    a service never gives memory back (keep_replay_test.go)
//
// It is tests only: make replay. The files *_replay_test.go need the virtual machine, which
// they wreck; the others judge and draw what came of it, and are tested by make unit. What is
// measured is nothing that bulkhead says of itself: the probe (answers_test.go) asks the web
// server, the programs and the workers write a ledger of their own (ledger_test.go), the rest are the
// kernel's numbers (host_test.go).
//
// The test's own process is not part of the host that it watches: its memory is locked, the
// OOM killer leaves it alone, and its cgroup comes first for the processors.
//
// The environment:
//
//	BULKHEAD_REPLAY_SEED  the seed, printed by every run; default: another one each time
//	BULKHEAD_REPLAY_ONLY  outages to play, as leak,keep; default all
//	BULKHEAD_REPLAY_SIDE  supervisord or bulkhead; default both
//
// Start reading at TestReplay in replay_replay_test.go, then run_replay_test.go.
package replay
