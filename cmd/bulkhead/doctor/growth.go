package doctor

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Growth is a rate, by the straight line that fits the readings best.
type Growth struct {
	PerMinute float64 // bytes; negative: it shrinks
	Error     float64 // bytes a minute, either way: 19 times out of 20 the line is no further off
	Total     float64 // bytes over the whole time, by the line
	Steady    bool    // it went the same way in both halves of the time
}

// Sure tells whether the rate is more than noise. Two readings alone never are.
func (g Growth) Sure() bool { return math.Abs(g.PerMinute) > g.Error }

// quantiles are those of Student's distribution, two-sided 95%, by degrees of
// freedom from 1.
var quantiles = []float64{12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23}

// growth fits a line to the values at their times, which ascend.
func growth(at []time.Time, values []float64) Growth {
	n := len(at)
	if n < 2 || n != len(values) || !at[n-1].After(at[0]) {
		return Growth{Error: math.Inf(1)}
	}
	minutes := make([]float64, n)
	for i, t := range at {
		minutes[i] = t.Sub(at[0]).Minutes()
	}
	slope, rest, spread := fit(minutes, values)
	g := Growth{PerMinute: slope, Error: math.Inf(1), Total: slope * minutes[n-1]}
	if n > 2 {
		q := quantiles[min(n-3, len(quantiles)-1)]
		g.Error = q * math.Sqrt(rest/float64(n-2)/spread)
	}
	// The middle reading belongs to both halves. Of a growth that came at once, one half
	// has next to nothing.
	middle := n / 2
	first, second := values[middle]-values[0], values[n-1]-values[middle]
	g.Steady = n > 2 && math.Min(first*slope, second*slope) > 0 &&
		math.Min(math.Abs(first), math.Abs(second)) > math.Abs(values[n-1]-values[0])/8
	return g
}

// fit is the method of least squares: the slope, what is left of the squares, and
// the spread of x.
func fit(x, y []float64) (slope, rest, spread float64) {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	var xy float64
	for i := range x {
		spread += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	slope = xy / spread
	for i := range x {
		d := y[i] - my - slope*(x[i]-mx)
		rest += d * d
	}
	return slope, rest, spread
}

func times(all []Host) []time.Time {
	at := make([]time.Time, len(all))
	for i := range all {
		at[i] = all[i].At
	}
	return at
}

// roomGrowth is that of the host's room; a loss is negative.
func roomGrowth(all []Host) Growth {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = float64(all[i].Memory.Room())
	}
	return growth(times(all), values)
}

// identity tells processes of one pid apart.
type identity struct {
	pid   int
	start uint64
}

func (p Process) identity() identity { return identity{p.PID, p.Start} }

// leaks are the processes that were there in every reading, under the same name, with the growth
// of what is their own; the fastest first.
func leaks(all []Host) []Leak {
	count := map[identity]int{}
	own := map[identity][]float64{}
	for i := range all {
		for _, p := range all[i].Processes {
			count[p.identity()]++
			own[p.identity()] = append(own[p.identity()], float64(p.Own()))
		}
	}
	at := times(all)
	var out []Leak
	for _, p := range all[len(all)-1].Processes {
		if id := p.identity(); count[id] == len(all) {
			out = append(out, Leak{p, growth(at, own[id])})
		}
	}
	slices.SortStableFunc(out, func(a, b Leak) int { return cmp.Compare(b.PerMinute, a.PerMinute) })
	return out
}

// Leak is a process and how fast it grows.
type Leak struct {
	Process
	Growth
}
