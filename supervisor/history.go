package supervisor

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/history"
)

// historyEvery is the time between two lines of the history.
const historyEvery = time.Minute

// bootShown is how much of the boot id tells boots apart.
const bootShown = 8

// historian writes down how the host's memory is and who has it. The sampler calls
// it on its way, so that it wakes nobody; a nil one does nothing.
type historian struct {
	out    interface{ Write(history.Line) } // never blocks
	boot   string
	counts func() *snapshot
	last   time.Time // of the last reading
}

func newHistorian(out *history.Writer, boot string, counts func() *snapshot) *historian {
	return &historian{out: out, boot: boot[:min(len(boot), bootShown)], counts: counts}
}

// mark writes down what the supervisor does. It may be called beside look.
func (h *historian) mark(m history.Mark, version, config string) {
	if h == nil {
		return
	}
	l := h.line(time.Now())
	l.Mark, l.Version, l.Config = m, version, config
	h.out.Write(l)
}

// look writes a line when it is time to: at the sampler's first look, and then at the
// one that is nearest to a minute after the last. The next look is in wait.
func (h *historian) look(r hostReading, now time.Time, wait time.Duration, usage func() map[string]history.Program) {
	if !h.due(now, wait) {
		return
	}
	if r.memory.total == 0 {
		return // no /proc/meminfo that could be read: it is tried again at the next look
	}
	h.last = now
	l := h.line(now)
	l.Memory = &history.Memory{Total: r.memory.total, Available: r.memory.available, SwapTotal: r.memory.swapTotal, SwapFree: r.memory.swapFree}
	l.Some, l.Full = r.someWaited.Microseconds(), r.waited.Microseconds()
	l.OOMKills = hostKills()
	l.Programs = counted(usage(), h.counts())
	h.out.Write(l)
}

// due says whether the moment is nearer to a minute after the last line than the next look.
func (h *historian) due(now time.Time, wait time.Duration) bool {
	return h != nil && (h.last.IsZero() || now.Sub(h.last) >= historyEvery-wait/2)
}

func (h *historian) line(now time.Time) history.Line {
	var up unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) // fails for no clock of Linux
	return history.Line{At: now, Up: up.Sec, Boot: h.boot}
}

// counted adds what the loop has published of the instances to what their runs hold.
func counted(all map[string]history.Program, snap *snapshot) map[string]history.Program {
	for _, v := range snap.views {
		p := all[v.Program]
		p.Runs += int64(v.lastN)
		p.Restarts += v.Restarts
		p.Recycles += v.Recycles
		p.OOMKills += v.OOMKills
		all[v.Program] = p
	}
	return all
}

// usage is what the runs of each program hold, by its name.
func (h *host) usage(enforced bool) map[string]history.Program {
	runs := map[string][]*process{}
	for _, p := range h.all() {
		name := p.prog.Load().Name
		runs[name] = append(runs[name], p)
	}
	out := make(map[string]history.Program, len(runs))
	for name, all := range runs {
		u := history.Program{Instances: len(all)}
		if enforced {
			h.charged(name, all, &u)
		} else {
			sampled(all, &u)
		}
		rules := all[0].prog.Load()
		u.MemoryMax, u.TotalMax = limitOf(rules.Limits.MemoryMax), limitOf(rules.Total.MemoryMax)
		u.MaxMemory = int64(rules.Recycle.MaxMemory)
		out[name] = u
	}
	return out
}

func limitOf(n conf.Bytes) int64 {
	if n == conf.Unlimited {
		return 0
	}
	return int64(n)
}

// charged reads the program's cgroup once for all its runs. The largest is looked for among those
// of which the most is charged, which the sampler has just read: what is charged is never less than the
// measure, so that most runs need not be read at all.
func (h *host) charged(name string, all []*process, u *history.Program) {
	slices.SortFunc(all, func(a, b *process) int { return cmp.Compare(b.charge.Load(), a.charge.Load()) })
	for _, p := range all {
		if p.charge.Load() <= u.Most && u.Most > 0 {
			break
		}
		if r, err := p.comp.Read(); err == nil {
			u.Most = max(u.Most, r.Measure)
			u.Sum, u.Swap = u.Sum+r.Measure, u.Swap+r.Swap
		}
	}
	if len(all) == 1 {
		return
	}
	h.mu.Lock()
	g := h.groups[name]
	h.mu.Unlock()
	if g == nil {
		return
	}
	if r, err := g.Read(); err == nil {
		u.Sum, u.Swap = max(r.Measure, u.Most), r.Swap
	}
}

// sampled takes what the sampler has found on this round; who has no line, or had one once, is read here.
func sampled(all []*process, u *history.Program) {
	for _, p := range all {
		p.mu.Lock()
		s := p.grown
		p.mu.Unlock()
		if s.at.IsZero() || time.Since(s.at) > historyEvery {
			r := p.reading() // zeros, when it has ended
			s = sample{measure: r.measure, swap: r.swap}
		}
		u.Most = max(u.Most, s.measure)
		u.Sum, u.Swap = u.Sum+s.measure, u.Swap+s.swap
	}
}

// hostKills is how many processes the kernel has killed for want of memory since the boot: in
// containers the host's too. 0 where it does not count them (before Linux 4.13).
func hostKills() int64 {
	b, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	return parseKills(b)
}

func parseKills(vmstat []byte) int64 {
	for line := range bytes.Lines(vmstat) {
		if rest, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64) // 0 for nonsense
			return max(n, 0)
		}
	}
	return 0
}

// historyTrouble is a history that cannot be written, or is written again.
type historyTrouble struct{ err error }

func (t historyTrouble) do(l *loop) {
	e := control.Event{Kind: "trouble", Message: "the history is written again"}
	if t.err != nil {
		e.Message = historyLost + ": " + t.err.Error()
	}
	l.event(nil, 0, e)
}

const historyLost = "the history cannot be written, bulkhead doctor --history will not know of this time"

// markHistory writes down what becomes of the supervisor.
func (s *server) markHistory(m history.Mark) {
	if m == history.Start && s.handed != nil {
		m = history.Upgrade
	}
	s.host.history.mark(m, s.daemon.info.Version, s.daemon.info.Config)
}
