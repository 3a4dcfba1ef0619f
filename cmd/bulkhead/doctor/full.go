package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

// A rate is no prophecy: what grew for ten seconds may be one job's memory. It is called
// serious for seriousTimes as long as it was watched, and a warning for warnTimes.
const (
	seriousTimes = 10
	warnTimes    = 60
)

// leakLeast is the growth that is called one: the kernel's own counters of a process are
// off by up to some hundred kilobytes (percpu_counter, since Linux 6.2).
func leakLeast(m Memory) float64 { return float64(max(8<<20, m.Total/2000)) }

// full foresees when the host is full. It counts what grew in the same processes, and steadily:
// that others start and end is the life of a host.
func full(r *Report) []Finding {
	growing, falls, rate := r.growing(), r.falls(), 0.0
	if falls {
		rate = -r.Room.PerMinute
	}
	for _, l := range growing {
		if !falls {
			rate += l.PerMinute
		}
	}
	if rate <= 0 {
		return nil
	}
	left := untilFull(r.Host.Memory.Room(), rate)
	f := Finding{Rule: "memory-full", Severity: Warning}
	switch {
	case left <= seriousTimes*r.Span:
		f.Severity = Serious
	case left > warnTimes*r.Span:
		return nil
	}
	f.Title = fmt.Sprintf("the host is full in %s at this rate", spanText(left))
	if falls {
		f.fact("available memory and free swap, %s, fell by %s a minute for %s", control.Size(r.Host.Memory.Room()), rateText(r.Room), spanText(r.Span))
	} else {
		f.fact("available memory and free swap are %s", control.Size(r.Host.Memory.Room()))
	}
	for i, l := range growing {
		if i == growersShown {
			f.fact("and %d more grow", len(growing)-i)
			break
		}
		f.fact("%s, pid %d, grows by %s a minute and has %s%s", l.Program, l.PID, rateText(l.Growth), control.Size(l.Own()), killText(l.Process))
	}
	if len(growing) == 0 {
		f.fact("no process was seen to grow steadily: files in memory (tmpfs, shared memory), the kernel, or many short processes do")
		f.advise("df -h -t tmpfs; slabtop -o -s c | head -20")
	} else {
		r.adviseEnd(&f, growing[0].Process)
		r.adviseLimit(&f, growing[0].Process)
	}
	if f.Severity < Serious || r.Span < time.Minute {
		f.advise("bulkhead doctor --for %s tells a leak from a busy moment", spanText(max((6*r.Span).Round(time.Minute), time.Minute)))
	}
	return []Finding{f}
}

const growersShown = 5

// falls tells whether the host's room shrank for sure, steadily, and by enough.
func (r *Report) falls() bool {
	return r.Room.Sure() && r.Room.Steady && r.Room.Total < -leakLeast(r.Host.Memory)
}

// growing are the processes that grew for sure, steadily, and by enough, and that nothing stops
// before the host is full; the fastest first.
func (r *Report) growing() []Leak {
	least := leakLeast(r.Host.Memory)
	return slices.DeleteFunc(slices.Clone(r.leaks), func(l Leak) bool {
		return !l.Sure() || !l.Steady || l.Total < least || l.held(r.Host.Memory)
	})
}

func untilFull(room int64, perMinute float64) time.Duration {
	const most = 365 * 24 * time.Hour
	minutes := float64(room) / perMinute
	if minutes >= most.Minutes() {
		return most
	}
	return time.Duration(minutes * float64(time.Minute))
}

func killText(p Process) string {
	if p.OOMScoreAdj == neverKilled {
		return ", and may not be killed (oom_score_adj -1000)"
	}
	return ""
}

// rateText is a rate with its uncertainty, without a sign.
func rateText(g Growth) string {
	return strings.TrimLeft(signedRate(g), "+-")
}
