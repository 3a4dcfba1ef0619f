// Package doctor says what on a host is going to run out of memory, and what
// to change. It needs no supervisor.
//
// A Reader takes a Host, which is what /proc and the cgroup tree say at one
// moment; Watch takes several. Diagnose is pure: it makes a Report of them, by
// rules of which each has a file named for its noun (full.go, fork.go,
// victim.go, ...). Report.Print renders it.
//
// DiagnosePast does the same over what a supervisor has written down; its
// files are past*.go.
//
// It never changes anything, starts nothing and asks no other process: what a
// process has told nobody, such as options that Redis was given by CONFIG SET,
// is not known here.
package doctor
