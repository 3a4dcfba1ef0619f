package doctor

import (
	"cmp"
	"slices"
	"time"

	"bulkhead/supervisor/history"
)

// PastProgram is what became of one of the supervisor's programs. Memory is the measure: what only
// the processes can give back, swapped out or not.
type PastProgram struct {
	Name    string
	Now     history.Program // at its last reading
	There   bool            // that is the last of all
	Sum     Peak            // of all its runs together
	Largest Peak            // of one run

	Restarts, Recycles, OOMKills int64 // in this time

	Growth Growth        // since the last start of one of its runs; not sure of less than pastLeast
	Span   time.Duration // since then
	First  int64         // what it had at first then, 0 unknown
	Keeps  bool          // since then it has hardly given anything back
}

// Peak is the most there was of something.
type Peak struct {
	Bytes int64
	At    time.Time
}

func (p *Peak) see(n int64, at time.Time) {
	if n > p.Bytes || p.At.IsZero() {
		*p = Peak{n, at}
	}
}

// point is a reading of one program.
type point struct {
	at   time.Time
	boot string
	history.Program
}

// pastPrograms sums the readings up by program, the heaviest first.
func pastPrograms(readings []moment) []PastProgram {
	points := map[string][]point{}
	for _, m := range readings {
		for name, u := range m.Programs {
			points[name] = append(points[name], point{m.at, m.Boot, u})
		}
	}
	last := readings[len(readings)-1]
	out := make([]PastProgram, 0, len(points))
	for name, all := range points {
		_, there := last.Programs[name]
		out = append(out, pastProgram(name, all, there))
	}
	slices.SortFunc(out, func(a, b PastProgram) int {
		return cmp.Or(cmp.Compare(b.Now.Sum, a.Now.Sum), cmp.Compare(b.Sum.Bytes, a.Sum.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func pastProgram(name string, all []point, there bool) PastProgram {
	p := PastProgram{Name: name, Now: all[len(all)-1].Program, There: there, Growth: growth(nil, nil)}
	for i, u := range all {
		p.Sum.see(u.Sum, u.at)
		p.Largest.see(u.Most, u.at)
		if i > 0 { // a count that fell has lost an instance, and tells nothing
			p.Restarts += max(u.Restarts-all[i-1].Restarts, 0)
			p.Recycles += max(u.Recycles-all[i-1].Recycles, 0)
			p.OOMKills += max(u.OOMKills-all[i-1].OOMKills, 0)
		}
	}
	if there {
		p.grow(same(all))
	}
	return p
}

// same are the readings at the end between which no run ended or began.
func same(all []point) []point {
	last := all[len(all)-1]
	i := len(all) - 1
	for i > 0 && all[i-1].boot == last.boot && all[i-1].Runs == last.Runs && all[i-1].Instances == last.Instances {
		i--
	}
	return all[i:]
}

// keepLeast is how long a program must have kept what it had: a cache that fills after a start
// is none that is never emptied.
const keepLeast = 6 * time.Hour

func (p *PastProgram) grow(all []point) {
	at, sums := make([]time.Time, len(all)), make([]float64, len(all))
	for i, u := range all {
		at[i], sums[i] = u.at, float64(u.Sum)
	}
	if p.Span = at[len(at)-1].Sub(at[0]); p.Span < pastLeast {
		return
	}
	at, sums = means(at, sums)
	p.First = int64(sums[0])
	p.Growth = growth(at, sums)
	p.Keeps = p.Span >= keepLeast && keeps(sums)
}

// keeps tells whether values rose by a quarter at least and never fell by more than a tenth of that.
func keeps(values []float64) bool {
	first, last := values[0], values[len(values)-1]
	most, fell := first, 0.0
	for _, v := range values {
		most = max(most, v)
		fell = max(fell, most-v)
	}
	return last-first >= first/4 && fell <= (most-first)/10
}

// leaks tells whether it grows for sure, steadily, and by enough.
func (p PastProgram) leaks(m Memory) bool {
	return p.There && p.Growth.Sure() && p.Growth.Steady && p.Growth.Total > leakLeast(m)
}

// held tells whether a limit of its own stops it before the host is full.
func (p PastProgram) held(m Memory) bool {
	most := p.Now.TotalMax
	for _, each := range []int64{p.Now.MemoryMax, p.Now.MaxMemory} {
		if n := each * int64(min(p.Now.Instances, 1<<10)); n > 0 && (most == 0 || n < most) {
			most = n
		}
	}
	return most > 0 && most <= p.Now.Sum+m.Room()
}

// unlimited tells whether nothing holds it at all.
func (p PastProgram) unlimited() bool {
	return p.Now.MemoryMax == 0 && p.Now.TotalMax == 0 && p.Now.MaxMemory == 0
}

// growers are the programs that leak and are held by nothing, the fastest first.
func (p *Past) growers() (out []PastProgram) {
	for _, g := range p.Programs {
		if g.leaks(p.Memory) && !g.held(p.Memory) {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b PastProgram) int { return cmp.Compare(b.Growth.PerMinute, a.Growth.PerMinute) })
	return out
}
