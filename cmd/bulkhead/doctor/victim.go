package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"bulkhead/supervisor/control"
)

// neverKilled is the oom_score_adj of a process that the OOM killer passes over.
const neverKilled = -1000

// Victim is a process as the OOM killer sees it.
type Victim struct {
	Process
	Points int64 // bytes; the most is killed first
}

// victims are the processes that may be killed, the first first, by the kernel's
// formula (mm/oom_kill.c: oom_badness): memory, swap and page tables, and
// oom_score_adj thousandths of all memory and swap on top. The first process of the
// host is never taken.
func victims(h *Host) []Victim {
	all := h.Memory.Total + h.Memory.SwapTotal
	var out []Victim
	for _, p := range h.Processes {
		if p.PID == 1 || p.OOMScoreAdj == neverKilled {
			continue
		}
		out = append(out, Victim{p, p.size() + p.PageTables + int64(p.OOMScoreAdj)*(all/1000)})
	}
	slices.SortStableFunc(out, func(a, b Victim) int { return cmp.Compare(b.Points, a.Points) })
	return out
}

// exposed says that the kernel would take what many depend on, though there
// is a worker that could be started again.
func exposed(r *Report) []Finding {
	if len(r.Victims) == 0 {
		return nil
	}
	first := r.Victims[0]
	role := roleOf(first.Program)
	i := slices.IndexFunc(r.Victims, func(v Victim) bool { _, _, ok := isWorker(v.Process); return ok })
	if role == "" || i < 0 {
		return nil
	}
	worker := r.Victims[i]
	f := Finding{Rule: "oom-victim", Severity: Note, Title: fmt.Sprintf("the OOM killer would take %s, %s, before any worker", first.Program, role)}
	if r.Host.Memory.Share() < 0.5 {
		f.Severity = Warning
	}
	f.fact("%s, pid %d: %s, oom_score %s, oom_score_adj %d", first.Program, first.PID, control.Size(first.size()), scoreText(first.OOMScore), first.OOMScoreAdj)
	f.fact("%s, pid %d, the first worker: %s, oom_score %s, oom_score_adj %d", worker.Program, worker.PID, control.Size(worker.size()), scoreText(worker.OOMScore), worker.OOMScoreAdj)
	adj := safeScore(first, worker, r.Host.Memory)
	if first.Cgroup.Unit != "" {
		f.advise("systemctl edit %s: [Service] OOMScoreAdjust=%d, for the next start", first.Cgroup.Unit, adj)
	}
	f.advise("choom -p %d -n %d, for this run", first.PID, adj)
	f.advise("limits.oom_score_adj = 500 for the workers, under bulkhead")
	return []Finding{f}
}

// safeScore is the oom_score_adj that puts a process behind the other, in steps of 50.
func safeScore(v, behind Victim, m Memory) int {
	const step = 50
	unit := max((m.Total+m.SwapTotal)/1000, 1)
	adj := int64(v.OOMScoreAdj) - (v.Points-behind.Points)/unit - 1
	adj -= (step + adj%step) % step
	return int(max(adj, neverKilled+1))
}

func scoreText(n int) string {
	if n == unknown {
		return "unknown"
	}
	return fmt.Sprint(n)
}

// Shares of the host's memory in processes that may not be killed: worth a word, and so much
// that the kernel may find nobody else.
const (
	unkillableMuch = 0.05
	unkillableMost = 0.50
)

// unkillable says what has been put out of the OOM killer's reach that should not be. The small
// daemons that do so themselves (sshd, udevd) are right to.
func unkillable(r *Report) []Finding {
	var out []Finding
	for _, g := range r.Programs {
		var size int64
		var all []Process
		worker := false
		for _, p := range g.Processes {
			if p.OOMScoreAdj == neverKilled && p.PID != 1 {
				size += p.Own()
				all = append(all, p)
				_, _, ok := isWorker(p)
				worker = worker || ok
			}
		}
		share := float64(size) / float64(r.Host.Memory.Total)
		if len(all) == 0 || !worker && share < unkillableMuch {
			continue
		}
		f := Finding{Rule: "oom-unkillable", Severity: Warning, Title: fmt.Sprintf("%s may not be killed, whatever it takes", g.Name)}
		if share >= unkillableMost {
			f.Severity = Serious
		}
		f.fact("oom_score_adj is -1000 of %s with %s together, %.0f%% of the host's memory: the kernel kills everything else first",
			processes(len(all)), control.Size(size), 100*share)
		if parent := r.Host.process(all[0].Parent); parent != nil && parent.OOMScoreAdj == neverKilled && parent.PID != 1 {
			f.fact("it has it from %s, pid %d, that started it: the score is inherited", parent.Program, parent.PID)
		}
		if unit := all[0].Cgroup.Unit; unit != "" {
			f.advise("systemctl edit %s: [Service] OOMScoreAdjust=0, for the next start", unit)
		}
		f.advise("choom -p %d -n 0, for this run", all[0].PID)
		out = append(out, f)
	}
	return out
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
