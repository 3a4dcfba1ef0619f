package cgroup

import (
	"bytes"
	"time"
)

// CPUTime is what all processes of all programs together have used, the ended ones
// too (cpu.stat, which every cgroup v2 has since Linux 4.15, with and without the cpu controller).
// The kernel counts a process that runs at the end of its slice, or at the next tick. False
// where that cannot be told.
func (t *Tree) CPUTime() (time.Duration, bool) {
	if t.mode == None {
		return 0, false
	}
	b, err := t.cpu.Read()
	if err != nil {
		return 0, false
	}
	return parseCPUTime(b)
}

func parseCPUTime(b []byte) (time.Duration, bool) {
	for line := range bytes.Lines(b) {
		if number, ok := bytes.CutPrefix(line, []byte("usage_usec ")); ok {
			n, ok := parseAmount(number)
			return time.Duration(min(n, 1<<53)) * time.Microsecond, ok
		}
	}
	return 0, false
}
