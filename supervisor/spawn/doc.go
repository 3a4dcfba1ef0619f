// Package spawn starts one child process with everything in force before the
// child's first instruction, and says exactly which step failed on what.
//
// It owns fork, the steps between fork and exec, waiting and signalling. It
// never decides whether to start, retry or kill (but for a child that did not
// reach its exec before the caller's deadline), never logs, and knows neither
// programs nor cgroups: a cgroup is a directory descriptor here.
//
// Start reading at [Start], then steps.go (what happens in the child, in
// order) and child_linux.go (the few lines that run there).
//
// # Why not os/exec
//
// os/exec has no hook between fork and exec, so umask, rlimits, nice and
// oom_score_adj would need a helper program (another exec per start) or
// ptrace (which cannot set another user's rlimits without CAP_SYS_RESOURCE).
// It also keeps a scheduler slot until the child's exec: one that cannot reach it (frozen
// cgroup, dead NFS) stops the garbage collector and with it the whole supervisor.
//
// # Two ways to a child
//
// As a rule (vfork.go) it shares our memory, on a stack of its own, and our table of
// descriptors until it takes a copy of a few; the thread that started it waits for its exec in
// what is a system call to Go. A start costs the same however large we are and
// however many descriptors we hold.
//
// Who shares a victim's memory is killed with it (__oom_kill_process, mm/oom_kill.c), but a
// child in the middle of a vfork is nobody's victim (in_vfork, since Linux 4.9), nor does
// its oom_score_adj become ours (__set_oom_adj, fs/proc/base.c). Two ways past that are
// left: vm.oom_kill_allocating_task, and a memory.oom.group above us both, which is ours as well.
//
// Otherwise (start.go: birth) it is forked: a copy of the page tables, the faults after it and
// the descriptors to close were more than half of a start's CPU time. That is for a
// [Foreground] child, which dies with the thread that started it, for kernels without clone3
// (5.3), CLONE_INTO_CGROUP (5.7) or close_range (5.9), sandboxes that refuse them, processors that
// vforkRaw is not written for, and when [seatsMost] others hang before their exec.
//
// # What every child has
//
// Own session and process group; descriptors 0 (/dev/null unless asked), 1 and 2 only; all
// signals at their default, none blocked; oom_score_adj as asked; the soft
// limit of open files the supervisor was itself born with, unless asked
// otherwise (Go raises its own at start, see package nofile). A [Foreground] child has
// our session, descriptors and terminal instead, and does not outlive us.
package spawn
