package doctor

import (
	"fmt"

	"bulkhead/supervisor/control"
)

// Shares of the time, in percent, that tasks waited for memory.
const (
	someWaited = 10
	allWaited  = 10
)

// pressed says that work waits for memory: the last minute counts, a few seconds may be a start.
func pressed(r *Report) []Finding {
	p := r.Host.Pressure
	if p == nil || p.Some[1] < someWaited && p.Full[1] < allWaited {
		return nil
	}
	f := Finding{Rule: "pressure", Severity: Warning, Title: fmt.Sprintf("some work waited for memory %.0f%% of the last minute", p.Some[1])}
	if p.Full[1] >= allWaited {
		f.Severity = Serious
		f.Title = fmt.Sprintf("all work stood still for memory %.0f%% of the last minute", p.Full[1])
	}
	f.fact("some: %.1f%% of 10 s, %.1f%% of 60 s, %.1f%% of 300 s", p.Some[0], p.Some[1], p.Some[2])
	f.fact("all: %.1f%% of 10 s, %.1f%% of 60 s, %.1f%% of 300 s", p.Full[0], p.Full[1], p.Full[2])
	f.fact("%s of %s are available", control.Size(r.Host.Memory.Available), control.Size(r.Host.Memory.Total))
	if r.Host.Memory.Share() >= scarce {
		f.fact("there is memory: it is a cgroup at its own limit that waits")
		f.advise("grep -H some /sys/fs/cgroup/*/memory.pressure /sys/fs/cgroup/*/*/memory.pressure shows which: raise its MemoryHigh or memory_max")
	} else {
		r.adviseLess(&f)
	}
	return []Finding{f}
}
