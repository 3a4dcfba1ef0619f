package doctor

import (
	"fmt"
	"time"

	"bulkhead/supervisor/control"
)

// A rate that was watched for a day is believed for some, but what is full in a month is no outage.
const (
	pastSerious = 24 * time.Hour
	pastWarn    = 30 * 24 * time.Hour
)

// falls tells whether the host's room shrank for sure, steadily, and by enough.
func (p *Past) falls() bool {
	return p.Room.Sure() && p.Room.Steady && p.Room.Total < -leakLeast(p.Memory)
}

// pastFull foresees when the host is full, by what was recorded since its last boot.
func pastFull(p *Past) []Finding {
	growers, rate, span := p.growers(), 0.0, p.RoomSpan
	if p.falls() {
		rate = -p.Room.PerMinute
	} else {
		for _, g := range growers {
			rate, span = rate+g.Growth.PerMinute, min(span, g.Span)
		}
	}
	if rate <= 0 {
		return nil
	}
	left := untilFull(p.Memory.Room(), rate)
	f := Finding{Rule: "memory-full", Severity: Warning, Title: fmt.Sprintf("the host is full in %s at this rate", spanText(left))}
	switch {
	case left <= min(seriousTimes*span, pastSerious):
		f.Severity = Serious
	case left > min(warnTimes*span, pastWarn):
		return nil
	}
	if p.falls() {
		f.fact("available memory and free swap, %s, fell by %s an hour for %s", control.Size(p.Memory.Room()), hourly(p.Room), spanText(p.RoomSpan))
	} else {
		f.fact("available memory and free swap are %s", control.Size(p.Memory.Room()))
	}
	for i, g := range growers {
		if i == growersShown {
			f.fact("and %d more grow", len(growers)-i)
			break
		}
		f.fact("%s", g.growthText())
	}
	if len(growers) == 0 {
		f.fact("no program of bulkhead's was seen to grow without a limit: other processes, files in memory (tmpfs, shared memory) or the kernel do")
		f.advise("bulkhead doctor --for 10m shows the host's other processes")
		f.advise("df -h -t tmpfs; slabtop -o -s c | head -20")
		return []Finding{f}
	}
	f.advise("bulkhead ctl recycle %s: its memory comes back, after the jobs in hand", tableName(growers[0].Name))
	p.adviseLimit(&f, growers[0])
	return []Finding{f}
}

func (g PastProgram) growthText() string {
	return fmt.Sprintf("%s (%s) grows by %s an hour and has %s; %s before it had %s",
		printable(g.Name), instances(g.Now.Instances), hourly(g.Growth), control.Size(g.Now.Sum), spanText(g.Span), control.Size(g.First))
}

// pastGrowing tells of leaks that do not fill the host soon.
func pastGrowing(p *Past) []Finding {
	if len(pastFull(p)) > 0 {
		return nil // which names them
	}
	var out []Finding
	for _, g := range p.growers() {
		f := Finding{Rule: "program-grows", Severity: Note, Title: fmt.Sprintf("%s grows by %s an hour", printable(g.Name), hourly(g.Growth))}
		f.fact("%s", g.growthText())
		p.adviseLimit(&f, g)
		out = append(out, f)
	}
	return out
}

// keeping tells of programs that never give memory back, and are not seen to leak.
func keeping(p *Past) []Finding {
	var out []Finding
	for _, g := range p.Programs {
		grown := float64(g.Now.Sum - g.First)
		if !g.Keeps || g.leaks(p.Memory) || grown < leakLeast(p.Memory) || g.held(p.Memory) {
			continue
		}
		f := Finding{Rule: "program-keeps", Severity: Note, Title: fmt.Sprintf("%s gives no memory back", printable(g.Name))}
		f.fact("%s (%s) has %s, %s before it had %s, and hardly anything came back meanwhile",
			printable(g.Name), instances(g.Now.Instances), control.Size(g.Now.Sum), spanText(g.Span), control.Size(g.First))
		line := max(p.Memory.Total/10/limitStep*limitStep, limitStep)
		f.advise("%s; it is then recycled when the host has less", p.setting(g.Name, "recycle.when_available_below", control.Size(line)))
		out = append(out, f)
	}
	return out
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}
