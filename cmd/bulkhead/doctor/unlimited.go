package doctor

import (
	"fmt"

	"bulkhead/supervisor/control"
)

// unlimited says which queue workers nothing holds: the leak of one is then everybody's.
func unlimited(r *Report) []Finding {
	var out []Finding
	for _, g := range r.Programs {
		var free []Process
		for _, p := range g.Processes {
			if _, _, ok := isWorker(p); ok && p.Cgroup.Max != unknown && !p.held(r.Host.Memory) {
				free = append(free, p)
			}
		}
		if len(free) == 0 {
			continue
		}
		f := Finding{Rule: "worker-unlimited", Severity: Warning, Title: fmt.Sprintf("nothing limits the memory of %s", g.Name)}
		largest := free[0]
		f.fact("%s, the largest pid %d with %s; no memory limit from %s up to the top", processes(len(free)), largest.PID, control.Size(largest.size()), pathText(largest.Cgroup))
		switch by := r.Host.supervisedBy(largest); {
		case by != nil && isSupervisord(by):
			f.fact("run by supervisord, pid %d, which has no limits to give", by.PID)
		case by != nil:
			// Where the kernel cannot, bulkhead holds memory_max by itself, which is not to be seen from here.
			f.Severity, f.Title = Note, fmt.Sprintf("the kernel does not limit the memory of %s", g.Name)
			f.fact("run by bulkhead, pid %d: bulkhead ctl status says whether it has a memory_max, held by sampling", by.PID)
		}
		r.adviseLimit(&f, largest)
		out = append(out, f)
	}
	return out
}

func pathText(c Cgroup) string {
	if c.Path == "" {
		return "its cgroup"
	}
	return c.Path
}
