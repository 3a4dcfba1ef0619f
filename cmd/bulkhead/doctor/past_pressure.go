package doctor

import (
	"fmt"
	"time"

	"bulkhead/supervisor/control"
)

// Waiting is how much tasks waited for memory, in percent of the time.
type Waiting struct {
	Known      bool // somebody ever waited; else the kernel may keep no such figures
	Some, Full float64
	Worst      Minute        // the minute in which all waited most, or else some
	Short      time.Duration // in which some waited as much as is a finding
	Still      time.Duration // in which all did
}

// Minute is the time between two readings.
type Minute struct {
	At         time.Time // its end
	Some, Full float64
	Available  int64
}

// minuteLeast is how long two readings must be apart: what is waited in a few seconds after
// a start is not much.
const minuteLeast = 30 * time.Second

func waiting(readings []moment) Waiting {
	var w Waiting
	var some, full, all float64
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1], readings[i]
		w.Known = w.Known || b.Some > 0
		if a.Boot != b.Boot || b.Up <= a.Up || time.Duration(b.Up-a.Up) > gapLeast/time.Second {
			continue
		}
		seconds := float64(b.Up - a.Up)
		s, f := max(float64(b.Some-a.Some)/1e6, 0), max(float64(b.Full-a.Full)/1e6, 0)
		some, full, all = some+s, full+f, all+seconds
		span := time.Duration(seconds) * time.Second
		if span < minuteLeast {
			continue
		}
		m := Minute{b.at, min(100*s/seconds, 100), min(100*f/seconds, 100), b.Memory.Available}
		if m.Full > w.Worst.Full || m.Full == w.Worst.Full && m.Some > w.Worst.Some {
			w.Worst = m
		}
		if m.Some >= someWaited {
			w.Short += span
		}
		if m.Full >= allWaited {
			w.Still += span
		}
	}
	if all > 0 {
		w.Some, w.Full = min(100*some/all, 100), min(100*full/all, 100)
	}
	return w
}

// pastPressed says that work has waited for memory.
func pastPressed(p *Past) []Finding {
	w := p.Pressure
	if w.Short == 0 && w.Still == 0 {
		return nil
	}
	f := Finding{Rule: "pressure", Severity: Warning, Title: fmt.Sprintf("some work waited for memory, %d%% of the time and more, for %s", someWaited, spanText(w.Short))}
	if w.Still > 0 {
		f.Severity = Serious
		f.Title = fmt.Sprintf("all work stood still for memory, %d%% of the time and more, for %s", allWaited, spanText(w.Still))
	}
	f.fact("in the minute before %s some work waited %.0f%% of the time, all of it %.0f%%; %s of %s were available", p.clock(w.Worst.At), w.Worst.Some, w.Worst.Full,
		control.Size(w.Worst.Available), control.Size(p.Memory.Total))
	f.fact("of this time some waited %.1f%%, all %.1f%%", w.Some, w.Full)
	if float64(w.Worst.Available) >= scarce*float64(p.Memory.Total) {
		f.fact("there was memory: it is a cgroup at its own limit that waits")
		f.advise("bulkhead ctl events, and bulkhead ctl status while it lasts: raise memory_high or memory_max of whoever is at it")
	} else {
		p.adviseLess(&f)
	}
	return []Finding{f}
}
