package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// threads says where qemu and its helpers are while the virtual machine is silent: each
// thread's name, state, seconds on a processor and what it waits for in the kernel
// (proc_pid_wchan(5)). Each child of parent is the head of a process group of its own.
func threads(parent int) string {
	all, err := procfs.AllProcs()
	if err != nil {
		return fmt.Sprintln(err)
	}
	var heads []int
	for _, p := range all {
		if s, err := p.Stat(); err == nil && s.PPID == parent {
			heads = append(heads, s.PGRP)
		}
	}
	var b strings.Builder
	for _, p := range all {
		s, err := p.Stat()
		if err != nil || !slices.Contains(heads, s.PGRP) {
			continue // it has ended, or is none of them
		}
		tasks, _ := procfs.AllThreads(p.PID) // none: it has ended
		for _, task := range tasks {
			if t, err := task.Stat(); err == nil {
				wchan, _ := task.Wchan() // "" says enough
				fmt.Fprintf(&b, "%s %s, %.2f s, in %q\n", t.Comm, t.State, t.CPUTime(), wchan)
			}
		}
	}
	return b.String()
}
