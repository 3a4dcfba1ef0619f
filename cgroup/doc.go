// Package cgroup owns one directory of the kernel's cgroup v2 tree and all
// that is written to it or read from it: where it may be built, the limits of
// programs and runs, readings, event counters, pressure, the processes inside,
// their end, and the removal of what they leave.
//
//	<root>/bulkhead/supervisor                  the supervisor itself
//	<root>/bulkhead/programs/<program>          one program: the limits of all its instances together
//	<root>/bulkhead/programs/<program>/<instance>.<run>   one run: born in it, ends with it
//	<root>/bulkhead/keeper                      what of the supervisor's outlives it
//
// As a systemd service in bulkhead.slice the supervisor stays in its unit's own
// cgroup, and <root> is the slice: so the programs outlive the service.
//
// It never starts a process, never waits for one (no status is ever reaped
// here), never decides about a program and never logs: it returns errors. No
// other package imports containerd/cgroups, and no type of that library leaves
// this one.
//
// The invariant: a run's directory is made fresh, carries its limits before
// anything runs in it, and is never used again.
//
// Three rules hold for every file access. Directories are held by descriptor,
// so a directory that was removed and made anew is never taken for the old
// one. Files are opened without O_NONBLOCK, which Go's own os.OpenFile would
// leave set on a cgroup file: from Linux 6.16 on that makes a lowered
// memory.max wait for the next allocation, and memory.reclaim's EAGAIN would
// park the goroutine for ever. A removed cgroup (ENOENT, ENODEV) is an ordinary
// answer of its own, [ErrGone], where "removed" is not what was wanted.
//
// Where the host has no cgroup v2 at all, [Session] offers the methods of
// [Group] over a session id and /proc.
//
// Start reading at tree.go ([Open]), then group.go ([Group]), then reading.go.
package cgroup
