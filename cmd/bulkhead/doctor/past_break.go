package doctor

import (
	"fmt"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/history"
)

// Why says what a break in a history was. The words stay.
type Why string

const (
	Rebooted Why = "reboot"    // of the host, after the supervisor had ended in order
	HostDied Why = "host-died" // the supervisor had no time to end
	Stopped  Why = "stopped"   // the supervisor, and its programs
	Left     Why = "restarted" // the supervisor; its programs ran on
	Died     Why = "died"      // the supervisor
	Upgraded Why = "upgraded"  // the supervisor
	Unknown  Why = "unwritten" // nobody wrote: a host asleep, a disk that was full
)

// Break is when nothing is known, or when one supervisor went on for another.
type Break struct {
	From, To time.Time // the lines before and after
	Why      Why
	Version  string // of the supervisor that went on
	before   Memory // at the last reading before; zeros for none
}

// gapLeast is more than the time between two lines of a supervisor that is well.
const gapLeast = 3 * time.Minute

// breaks finds them, and how long nothing is known for.
func breaks(all []moment) (out []Break, missing time.Duration) {
	var before Memory
	for i := 1; i < len(all); i++ {
		if m := all[i-1].Memory; m != nil {
			before = Memory(*m)
		}
		gap := all[i].at.Sub(all[i-1].at)
		if gap > gapLeast {
			missing += gap
		}
		if why := whyBroken(all[i-1], all[i], gap); why != "" {
			out = append(out, Break{all[i-1].at, all[i].at, why, printable(all[i].Version), before})
		}
	}
	return out, missing
}

func whyBroken(a, b moment, gap time.Duration) Why {
	ended := a.Mark == history.Stop || a.Mark == history.Leave
	switch {
	case a.Boot != b.Boot && ended:
		return Rebooted
	case a.Boot != b.Boot:
		return HostDied
	case b.Mark == history.Upgrade:
		return Upgraded
	case b.Mark == history.Start && a.Mark == history.Stop:
		return Stopped
	case b.Mark == history.Start && a.Mark == history.Leave:
		return Left
	case b.Mark == history.Start:
		return Died
	case gap > gapLeast:
		return Unknown
	}
	return ""
}

func (b Break) words() string {
	down := spanText(b.To.Sub(b.From))
	switch b.Why {
	case Rebooted:
		return "the host was rebooted; nothing is known of " + down
	case HostDied:
		return "the host went down without a word; nothing is known of " + down
	case Stopped:
		return "bulkhead was stopped for " + down
	case Left:
		return "bulkhead was restarted in " + down + ", its programs ran on"
	case Died:
		return "bulkhead had died; another went on " + down + " after its last line"
	case Upgraded:
		return "bulkhead was upgraded to " + b.Version
	}
	return "nothing was written for " + down
}

// hostDied tells of ends of the host that nobody had asked for: a power cut, a panic, a reset of a
// host that hung. Where memory was short, that is the likely cause.
func hostDied(p *Past) []Finding {
	var out []Finding
	for _, b := range p.Breaks {
		if b.Why != HostDied {
			continue
		}
		f := Finding{Rule: "host-died", Severity: Warning, Title: fmt.Sprintf("the host went down without a word after %s", p.clock(b.From))}
		if b.before.Total > 0 {
			f.fact("at the last reading before, %s of %s were available (%.0f%%), and %s of swap", control.Size(b.before.Available), control.Size(b.before.Total),
				100*b.before.Share(), control.Size(b.before.SwapFree))
			if b.before.Share() < little {
				f.Severity = Serious
				f.Title += ", short of memory"
			}
		}
		f.fact("the first line of the next boot is of %s", p.clock(b.To))
		f.advise("journalctl -b -1 -e shows its last words, if the journal is kept: mkdir /var/log/journal")
		if f.Severity == Serious {
			p.adviseLess(&f)
		}
		out = append(out, f)
	}
	return out
}

// supervisorDied tells of ends of the supervisor alone that nobody had asked for.
func supervisorDied(p *Past) []Finding {
	f := Finding{Rule: "supervisor-died", Severity: Warning}
	n := 0
	for _, b := range p.Breaks {
		if b.Why != Died {
			continue
		}
		if n++; n <= timesShown {
			f.fact("after %s; another went on %s later", p.clock(b.From), spanText(b.To.Sub(b.From)))
		}
	}
	if n == 0 {
		return nil
	}
	f.Title = fmt.Sprintf("bulkhead died %s and was started again", often(n))
	if n > timesShown {
		f.fact("and %d more times", n-timesShown)
	}
	f.advise("journalctl -u bulkhead, and bulkhead ctl oom: whether it was killed")
	return []Finding{f}
}

// pastLost says that there is less history than time.
func pastLost(p *Past) []Finding {
	if p.Lost == 0 {
		return nil
	}
	f := Finding{Rule: "history-lost", Severity: Note, Title: fmt.Sprintf("%s of the history could not be written", linesText(p.Lost))}
	f.fact("of what happened then nothing is known; bulkhead ctl events says why")
	f.advise("df -h of the state directory: the history takes up to 16M there")
	return []Finding{f}
}

// timesShown is how many moments a finding names.
const timesShown = 5

func often(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
