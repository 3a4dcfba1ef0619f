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
// # Why an own fork
//
// os/exec has no hook between fork and exec, so umask, rlimits, nice and
// oom_score_adj would need a helper program (another exec per start) or
// ptrace (which cannot set another user's rlimits without CAP_SYS_RESOURCE).
// It also shares memory with the child until exec and keeps a scheduler slot
// meanwhile: one child that cannot reach its exec (frozen cgroup, dead NFS)
// stops the garbage collector and with it the whole supervisor. And who shares a victim's
// memory is killed with it: an OOM kill in the compartment that the child is born
// into would end the supervisor (__oom_kill_process, mm/oom_kill.c). A plain fork
// costs a copy of the page tables, a third of a start's CPU time, and leaves
// nothing shared but one page in which the child notes where it is.
//
// # What every child has
//
// Own session and process group; descriptors 0 (/dev/null unless asked), 1 and 2 only; all
// signals at their default, none blocked; oom_score_adj as asked; the soft
// limit of open files the supervisor was itself born with, unless asked
// otherwise (Go raises its own at start, see package nofile). A [Foreground] child has
// our session, descriptors and terminal instead, and does not outlive us.
package spawn
