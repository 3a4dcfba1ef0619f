package doctor

import (
	"fmt"
	"slices"

	"bulkhead/supervisor/control"
)

// Steps of proposed limits, the least there is, and the share of the host's memory over which
// no limit is proposed: it would protect nobody.
const (
	limitStep  = 64 << 20
	limitLeast = 2 * limitStep
	limitMost  = 0.5
)

// held tells whether a limit of its own stops the process before the host is full.
func (p Process) held(m Memory) bool {
	return p.Cgroup.Max != unknown && p.Cgroup.Max < m.Total
}

// limitFor proposes a limit for a process: twice what its program usually has, or twice the memory
// at which it would end itself. That it has grown far beyond is no reason to allow it more. Of one
// that grows, and has no others beside it, what is usual is not known: it may have what it has.
func (r *Report) limitFor(p Process) int64 {
	_, own, _ := isWorker(p)
	usual := 2 * own
	if own == 0 {
		i := slices.IndexFunc(r.Programs, func(g Program) bool { return g.Name == p.Program })
		group := r.Programs[i].Processes // the largest first
		usual = 2 * group[len(group)/2].size()
		if len(group) == 1 && r.grows(p) {
			usual = p.size()
		}
	}
	return max((usual+limitStep-1)/limitStep*limitStep, limitLeast)
}

// size is what a process has, in memory and swapped out.
func (p Process) size() int64 { return p.RSS + p.Swap }

func (r *Report) grows(p Process) bool {
	return slices.ContainsFunc(r.growing(), func(l Leak) bool { return l.identity() == p.identity() })
}

// adviseLimit says how a process is held to an amount, by what runs it.
func (r *Report) adviseLimit(f *Finding, p Process) {
	limit := r.limitFor(p)
	size, line := control.Size(limit), control.Size(limit/4*3)
	by := r.Host.supervisedBy(p)
	_, _, worker := isWorker(p)
	switch {
	case float64(limit) > limitMost*float64(r.Host.Memory.Total):
		f.advise("stop or move %s, pid %d, or give the host more memory", p.Program, p.PID)
	case by != nil && isSupervisord(by):
		f.advise("bulkhead import %s -o bulkhead.toml, and in the program's table limits.memory_max = %q and recycle.max_memory = %q: bulkhead then runs it, each instance with a limit",
			configOf(by), size, line)
	case by != nil:
		f.advise("bulkhead.toml, in the program's table: limits.memory_max = %q and recycle.max_memory = %q; then bulkhead ctl update", size, line)
	case worker:
		f.advise("run it by bulkhead, with limits.memory_max = %q and recycle.max_memory = %q%s", size, line, unitText(p, size))
	case p.Cgroup.Unit != "":
		f.advise("systemctl set-property %s MemoryMax=%s; it holds everything in that unit together", p.Cgroup.Unit, size)
	default:
		f.advise("systemd-run --scope -p MemoryMax=%s COMMAND starts it with a limit; kill %d ends this one", size, p.PID)
	}
}

// adviseEnd says how a worker is replaced at once: SIGTERM lets it end the job in hand.
func (r *Report) adviseEnd(f *Finding, p Process) {
	_, _, worker := isWorker(p)
	if by := r.Host.supervisedBy(p); worker && by != nil {
		f.advise("kill %d: it ends after the job in hand, and %s starts another", p.PID, by.Program)
	}
}

func unitText(p Process, size string) string {
	if p.Cgroup.Unit == "" {
		return ""
	}
	return fmt.Sprintf("; or systemctl set-property %s MemoryMax=%s, which holds everything in that unit together", p.Cgroup.Unit, size)
}

// adviseLess says what would relieve a host that is short of memory: a limit for what grows, or else
// for the largest worker that has none.
func (r *Report) adviseLess(f *Finding) {
	if all := r.growing(); len(all) > 0 {
		r.adviseLimit(f, all[0].Process)
		return
	}
	for _, g := range r.Programs {
		for _, p := range g.Processes {
			if _, _, ok := isWorker(p); ok && !p.held(r.Host.Memory) {
				r.adviseLimit(f, p)
				return
			}
		}
	}
	f.advise("stop or move one of the largest programs, or give the host more memory")
}
