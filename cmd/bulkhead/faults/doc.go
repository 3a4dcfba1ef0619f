// Package faults holds the test that makes the supervisor's system calls fail,
// one at a time, and looks at what becomes of its programs.
//
// The program under test is the built one. A seccomp filter (user
// notification, Linux 5.0) stops it before every call that writes, creates,
// renames, forks or speaks; the test answers each: go on, or this error. The filter is
// inherited by the programs, whose calls always go on.
//
// A first life without a fault collects the points (a call on a kind of object,
// such as "write cgroup run/cgroup.kill") and how often each is met. Then there
// is a life per point, for its first, middle and last time. In each the supervisor
// is killed once and upgraded once. After each:
//
//   - every wanted instance runs exactly once, by the processes that there are
//     and by what the supervisor says of them;
//   - nothing panicked, and the end was clean: status 0, no process, no socket,
//     no cgroup left;
//   - no line of a program was written twice, and none lost but by a fault of
//     that very write;
//   - the fault was reported, in the log or to a client, unless pardons_test.go
//     says why it need not be.
//
// A fault that keeps the supervisor from starting must end it with an error that
// names it, and nothing left behind.
//
// Start reading at faults_test.go, then scenario_test.go. To replay one life:
//
//	go test ./cmd/bulkhead/faults -v -run 'TestFaults/write_cgroup_run:cgroup.kill#1$'
//
// BULKHEAD_FAULTS=all makes a life of every occurrence, BULKHEAD_BIN names the
// program under test. It takes root, cgroup v2 mounted anywhere, and Linux 5.19.
package faults
