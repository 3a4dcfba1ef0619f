package doctor

import (
	"slices"
	"time"
)

// Report is what there is to say of a host.
type Report struct {
	Host     Host // the last reading
	Readings int
	Span     time.Duration // between the first and the last
	Programs []Program     // the heaviest first
	Room     Growth        // of memory and swap that can be had
	Victims  []Victim      // whom the OOM killer would take, the first first
	Findings []Finding     // the worst first

	leaks []Leak
	first Host
}

// rules are asked in this order; of one severity that is also the order of the findings.
var rules = []func(*Report) []Finding{full, low, swapless, pressed, forks, exposed, unkillable, unlimited, sleepers}

// Diagnose judges readings of one host, of which the last is whole, the earliest first.
// There must be one at least.
func Diagnose(all []Host) *Report {
	last := all[len(all)-1]
	r := &Report{
		Host: last, Readings: len(all), Span: last.At.Sub(all[0].At), Programs: group(all),
		Room: roomGrowth(all), Victims: victims(&last), leaks: leaks(all), first: all[0],
	}
	for _, rule := range rules {
		r.Findings = append(r.Findings, rule(r)...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	return r
}

// Serious tells whether something serious was found.
func (r *Report) Serious() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Serious })
}
