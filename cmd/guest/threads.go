package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// threads says where qemu and its helpers are while the virtual machine is silent: each
// thread's name, state, time on a processor (ticks, 100 a second) and what it waits for
// in the kernel (proc_pid_stat(5), proc_pid_wchan(5)). Each child of parent is the head
// of a process group of its own.
func threads(parent int) string {
	var heads []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // fails for a bad pattern only
	for _, path := range stats {
		if s, ok := readStat(path); ok && s.parent == fmt.Sprint(parent) {
			heads = append(heads, s.group)
		}
	}
	var b strings.Builder
	for _, path := range stats {
		s, ok := readStat(path)
		if !ok || !slices.Contains(heads, s.group) {
			continue
		}
		tasks, _ := filepath.Glob(filepath.Dir(path) + "/task/*/stat")
		for _, task := range tasks {
			if t, ok := readStat(task); ok {
				wchan, _ := os.ReadFile(filepath.Dir(task) + "/wchan") // empty says enough
				fmt.Fprintf(&b, "%s %s, user %s, system %s, in %s\n", t.name, t.state, t.user, t.system, wchan)
			}
		}
	}
	return b.String()
}

type procStat struct{ name, state, parent, group, user, system string }

func readStat(path string) (s procStat, ok bool) {
	text, err := os.ReadFile(path)
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if err != nil || open < 0 || end < open {
		return s, false // it has ended
	}
	f := strings.Fields(string(text[end+1:])) // from field 3 on
	if len(f) < 13 {
		return s, false
	}
	return procStat{name: string(text[open+1 : end]), state: f[0], parent: f[1], group: f[2], user: f[11], system: f[12]}, true
}
