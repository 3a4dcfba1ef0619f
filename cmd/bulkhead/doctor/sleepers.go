package doctor

import (
	"fmt"
	"strings"

	"bulkhead/supervisor/control"
)

// A process sleeps when more of it is in swap than in memory, and that is not next to nothing.
// So many of one program, with so much together, are a finding.
const (
	sleeperLeast  = 4 << 20
	sleepersLeast = 2
	sleepersSize  = 64 << 20
)

// sleepers says which pools were swapped out since nobody uses them: the next burst of work
// waits for all of them to come back.
func sleepers(r *Report) []Finding {
	var out []Finding
	for _, g := range r.Programs {
		var n int
		var swap, rss int64
		for _, p := range g.Processes {
			if p.Swap >= sleeperLeast && p.Swap > p.RSS && r.idle(p) {
				n, swap, rss = n+1, swap+p.Swap, rss+p.RSS
			}
		}
		if n < sleepersLeast || swap < sleepersSize {
			continue
		}
		f := Finding{Rule: "pool-swapped", Severity: Note, Title: fmt.Sprintf("%d of %d %s sit in swap", n, len(g.Processes), g.Name)}
		m := r.Host.Memory
		if m.SwapFree < m.SwapTotal/2 {
			f.Severity = Warning
		}
		f.fact("they have %s in swap and %s in memory", control.Size(swap), control.Size(rss))
		if r.Span > 0 {
			f.Title += " unused"
			f.fact("none of them used the CPU for %s", spanText(r.Span))
		}
		_, pool, isPool := strings.Cut(g.Name, ": pool ")
		_, _, worker := isWorker(g.Processes[0])
		switch {
		case isPool:
			f.advise("[%s] of the pool's file: pm = ondemand, pm.process_idle_timeout = 10s; or pm.max_children = %d", pool, max(len(g.Processes)-n, 1))
		case worker:
			f.advise("numprocs = %d: the others had nothing to do", max(len(g.Processes)-n, 1))
		default:
			f.advise("run fewer of them: %d were enough", max(len(g.Processes)-n, 1))
		}
		out = append(out, f)
	}
	return out
}

// idle tells whether a process has used no CPU time since the first reading.
func (r *Report) idle(p Process) bool {
	before := r.first.process(p.PID)
	return before != nil && before.Start == p.Start && before.Ticks == p.Ticks
}
