package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead/supervisor/history"
)

// Past is what there is to say of a recorded history. Sizes are bytes.
type Past struct {
	From, To time.Time // the first reading and the last
	Readings int
	Missing  time.Duration // between them, of which nothing is known
	Breaks   []Break       // the earliest first
	Memory   Memory        // at the last reading
	Lowest   Lowest
	Pressure Waiting
	Kills    []Kills // by the kernel, the earliest first
	Room     Growth  // of memory and swap that can be had, since the last boot
	RoomSpan time.Duration
	Programs []PastProgram // the heaviest first
	Lost     int           // lines that could not be written
	Bad      int           // lines that could not be read
	Why      string        // what is wrong with the first of them
	Findings []Finding     // the worst first

	moments []moment
	config  string // the supervisor's, "" unknown
	zone    *time.Location
}

// moment is a line of a history and when it was written.
type moment struct {
	at time.Time
	*history.Line
}

// pastRules are asked in this order; of one severity that is also the order of the findings.
var pastRules = []func(*Past) []Finding{pastFull, pastLow, hostDied, pastPressed, pastKills, supervisorDied, pastGrowing, keeping, pastUnlimited, pastLost}

// DiagnosePast judges the last part of a history, of the length since; all of it for 0. Times are
// told as in the zone.
func DiagnosePast(log history.Log, since time.Duration, zone *time.Location) (*Past, error) {
	all := moments(log.Lines)
	if since > 0 && len(all) > 0 {
		from := all[len(all)-1].at.Add(-since)
		all = all[slices.IndexFunc(all, func(m moment) bool { return !m.at.Before(from) }):]
	}
	p := &Past{Bad: log.Bad, Why: printable(log.Why), moments: all, zone: zone}
	readings := p.readings()
	if len(readings) == 0 {
		return nil, fmt.Errorf("cannot say anything of this history: it has %s of a supervisor's life, and none of memory", linesText(len(all)))
	}
	first, last := readings[0], readings[len(readings)-1]
	p.From, p.To, p.Readings, p.Memory = first.at, last.at, len(readings), Memory(*last.Memory)
	for _, m := range log.Lines { // a mark before the period holds too
		if m.Config != "" {
			p.config = printable(m.Config)
		}
	}
	for _, m := range all {
		p.Lost += m.Lost
	}
	p.Breaks, p.Missing = breaks(all)
	p.Lowest = lowest(readings)
	p.Pressure = waiting(readings)
	p.Kills = kills(readings)
	p.Room, p.RoomSpan = pastRoom(readings)
	p.Programs = pastPrograms(readings)
	for _, rule := range pastRules {
		p.Findings = append(p.Findings, rule(p)...)
	}
	slices.SortStableFunc(p.Findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	return p, nil
}

// Serious tells whether something serious was found.
func (p *Past) Serious() bool {
	return slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Severity == Serious })
}

// clockMost is a time between two lines of one boot that no host has lived to see.
const clockMost = 100 * 365 * 24 * 3600

// moments finds out when lines were written. The clock of a host may be set, at its boot above
// all; within a boot the last line's is believed, and the others are as long before it as the
// boot had lasted less. Times never fall.
func moments(lines []history.Line) []moment {
	out := make([]moment, len(lines))
	for i := range slices.Backward(lines) {
		l := &lines[i]
		out[i] = moment{l.At, l}
		if i+1 == len(lines) || lines[i+1].Boot != l.Boot {
			continue
		}
		if before := lines[i+1].Up - l.Up; before >= 0 && before < clockMost {
			if at := out[i+1].at.Add(-time.Duration(before) * time.Second); at.Unix() >= 0 {
				out[i].at = at
			}
		}
	}
	for i := 1; i < len(out); i++ {
		if out[i].at.Before(out[i-1].at) {
			out[i].at = out[i-1].at
		}
	}
	return out
}

// readings are the moments of which memory is known.
func (p *Past) readings() (out []moment) {
	for _, m := range p.moments {
		if m.Memory != nil {
			out = append(out, m)
		}
	}
	return out
}

// pointsMost is how many points a line is fitted to: means of the readings. Those of
// neighbouring minutes are too much alike to say each for itself how far off the line may be.
const pointsMost = 24

// means are the means over equal parts of the time.
func means(at []time.Time, values []float64) (times []time.Time, out []float64) {
	if len(at) <= pointsMost || !at[len(at)-1].After(at[0]) {
		return at, values
	}
	part := at[len(at)-1].Sub(at[0])/pointsMost + 1
	for i := 0; i < len(at); {
		end, j := at[0].Add(part*(at[i].Sub(at[0])/part+1)), i
		var sum, after float64
		for ; j < len(at) && (j == i || at[j].Before(end)); j++ { // centuries, of nonsense, have no end
			sum, after = sum+values[j], after+float64(at[j].Sub(at[i]))
		}
		n := float64(j - i)
		times, out = append(times, at[i].Add(time.Duration(after/n))), append(out, sum/n)
		i = j
	}
	return times, out
}

// pastLeast is how long it takes to call something growth that is told by the hour.
const pastLeast = time.Hour

// pastRoom is the growth of the host's room since its last boot; nothing is sure of less than pastLeast.
func pastRoom(readings []moment) (Growth, time.Duration) {
	last := readings[len(readings)-1]
	var at []time.Time
	var values []float64
	for _, m := range readings {
		if m.Boot == last.Boot {
			at, values = append(at, m.at), append(values, float64(Memory(*m.Memory).Room()))
		}
	}
	span := at[len(at)-1].Sub(at[0])
	if span < pastLeast {
		return growth(nil, nil), span
	}
	return growth(means(at, values)), span
}

// clock is a moment for people.
func (p *Past) clock(t time.Time) string { return t.In(p.zone).Format("2006-01-02 15:04") }

// hourly is a rate an hour, with its uncertainty and without a sign.
func hourly(g Growth) string { return strings.TrimLeft(signedHourly(g), "+-") }

func signedHourly(g Growth) string {
	g.PerMinute, g.Error = g.PerMinute*60, g.Error*60
	return signedRate(g)
}
