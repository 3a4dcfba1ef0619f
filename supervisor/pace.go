package supervisor

import (
	"fmt"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// Starts are paced: a hundred at once take the host's memory before anything of it can be
// read. What was started a moment ago is counted with what its program is known to need
// (need.go), and who would bring the host under the line of the rung "hold" waits.

// freshMost is how long a reading of the host's memory will do for the next start.
const freshMost = 100 * time.Millisecond

// pace is what the loop remembers of its starts.
type pace struct {
	growing programs.Growing
	read    time.Duration // when the host was read, 0 never
	host    hostReading
}

// toldAgain is how long a program's instances may wait before it is told again.
const toldAgain = time.Minute

func (l *loop) needOf(p *program) int64 { return l.needs[p.conf.Name].Each(time.Now()) }

// mustWait says that an instance of the program has to wait for those that were started
// before it.
func (l *loop) mustWait(p *program) bool {
	now, line, need := l.now(), int64(l.config.Host.Pressure.Hold.Below), l.needOf(p)
	if line == 0 || need == 0 {
		return false
	}
	if l.pace.read == 0 || now >= l.pace.read+freshMost {
		l.pace.read, l.pace.host = now, l.edge.hostReading()
	}
	if !l.pace.growing.Wait(need, l.pace.host.available, line, now) {
		return false
	}
	l.tellWait(p, need)
	if l.short.next == 0 {
		l.short.next = now + stepsApart
	}
	return true
}

func (l *loop) tellWait(p *program, need int64) {
	if now := l.now(); p.waited == 0 || now >= p.waited+toldAgain {
		p.waited = now
		l.tellShort(fmt.Sprintf("%s: starts wait for each other, since an instance has used up to %s", p.conf.Name, control.Size(need)), l.pace.host)
	}
}

// grow counts a run that was not there before. The next run of what was, as after a recycle
// or a crash, takes nothing more.
func (l *loop) grow(in *instance, e programs.Event, acts []programs.Action) {
	switch e.(type) {
	case programs.Start, programs.Held:
	default:
		return
	}
	for _, a := range acts {
		if _, ok := a.(programs.Spawn); ok {
			l.pace.growing.Add(l.needOf(in.prog), l.now())
		}
	}
}
