package spawn

import _ "unsafe" // for linkname

// The runtime's own bracket around a fork: it blocks all signals, so that no
// Go handler runs in the child, pins the goroutine to its thread and makes any
// growth of the stack in between fatal. The runtime keeps these names for
// users outside the standard library (runtime/proc.go, go.dev/issue/67401).
//
//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

// The runtime's own bracket around a system call that may block: the thread's processor
// is taken for other goroutines, and the collector does not wait for the thread. Kept for
// users outside the standard library likewise.
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()
