package programs

import "time"

// The pressure ladder: what is done while the host is short of memory, one rung
// after the other, so that the kernel does not have to choose a victim, and
// undone in reverse when there is memory again. Which rung is due is decided
// here; who is meant on it, in victim.go.

// Rung is a step of the ladder. On a rung those below it are in force too.
type Rung uint8

// The rungs, mildest first.
const (
	Ground    Rung = iota // no shortage
	Hold                  // nothing new is started, and no replacement beside its predecessor
	Pause                 // queue workers finish their job and take no other
	Scale                 // instances of the least important programs end in good order
	Reclaim               // page cache that programs hold is taken back
	Sacrifice             // the cheapest instance is killed
)

func (r Rung) String() string {
	return [...]string{"ground", "hold", "pause", "scale", "reclaim", "kill"}[r]
}

// LadderRules say when which rung is due.
type LadderRules struct {
	Rungs  [Sacrifice + 1]RungRule // Ground's means nothing
	Relief time.Duration           // how long all must be well before one rung is left
	Near   int64                   // bytes available, from which on waiting does not count; 0: it always does
}

// RungRule is when one rung is due: when either is reached.
type RungRule struct {
	Below int64   // bytes available; 0 never
	Full  float64 // percent of the last 10 s in which all tasks waited for memory at once; 0 never
}

// waits is how much all tasks wait for the host's memory, in percent. Who is throttled at its
// own memory.high waits, too, and the kernel counts that for the host: where there is
// memory, it is not the host that is short of it.
func (rules LadderRules) waits(r HostReading) float64 {
	if rules.Near > 0 && r.Available >= rules.Near {
		return 0
	}
	return r.Full
}

// off says that a rung is not used at all.
func (r RungRule) off() bool { return r == RungRule{} }

// enough is what must be available, in proportion to a rung's line, before the
// rung is left: a line that is crossed to and fro would start and stop programs.
const enough = 1.25

// HostReading is the host's memory at a moment.
type HostReading struct {
	At        time.Duration // monotonic
	Available int64         // bytes (MemAvailable)
	Full      float64       // avg10 of the full line of /proc/pressure/memory, percent; 0 where there is none
}

// Ladder is where the host stands. The zero value is the ground.
type Ladder struct {
	Rung Rung
	Well time.Duration // since when the rung is needed no more; 0: it is needed
}

// Look says where the host stands after a reading.
func (l Ladder) Look(rules LadderRules, r HostReading) Ladder {
	if due := rules.Due(r); due > l.Rung || due == l.Rung && due != Ground {
		return Ladder{Rung: due}
	}
	switch {
	case l.Rung == Ground:
		return l
	case !rules.well(l.Rung, r):
		return Ladder{Rung: l.Rung}
	case l.Well == 0:
		return Ladder{Rung: l.Rung, Well: r.At}
	case r.At < l.Well+rules.Relief:
		return l
	}
	next := Ladder{Rung: l.Rung - 1, Well: r.At}
	if next.Rung == Ground {
		next.Well = 0
	}
	return next
}

// InForce reports whether what a rung does is to be done now.
func (l Ladder) InForce(rules LadderRules, rung Rung) bool {
	return l.Rung >= rung && !rules.Rungs[rung].off()
}

// Due is the highest rung that the reading asks for. What cannot be undone is done only
// while it is due: a rung stays in force for some time after that.
func (rules LadderRules) Due(r HostReading) Rung {
	due := Ground
	for rung := Hold; rung <= Sacrifice; rung++ {
		rule := rules.Rungs[rung]
		if r.Available < rule.Below || rule.Full > 0 && rules.waits(r) >= rule.Full {
			due = rung
		}
	}
	return due
}

// well reports whether a rung is needed no more, by a margin.
func (rules LadderRules) well(rung Rung, r HostReading) bool {
	rule := rules.Rungs[rung]
	return float64(r.Available) >= enough*float64(rule.Below) && (rule.Full == 0 || rules.waits(r) < rule.Full/2)
}
