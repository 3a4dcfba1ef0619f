package doctor

import (
	"cmp"
	"slices"
)

// Program is all processes of one name, at the last reading.
type Program struct {
	Name      string
	Processes []Process // the largest first
	RSS       int64
	Pss       int64 // unknown when that of one of them is
	Swap      int64
	Growth    Growth // of what is their own; new and ended processes count too
}

// Weight is what a program is ranked by: its share of the memory as far as it is known.
func (p Program) Weight() int64 {
	if p.Pss != unknown {
		return p.Pss + p.Swap
	}
	return p.RSS + p.Swap
}

// group makes programs of the last reading's processes, the heaviest first.
func group(all []Host) []Program {
	last := all[len(all)-1]
	byName := map[string]*Program{}
	var out []*Program
	for _, p := range last.Processes {
		g := byName[p.Program]
		if g == nil {
			g = &Program{Name: p.Program}
			byName[p.Program] = g
			out = append(out, g)
		}
		g.Processes = append(g.Processes, p)
		g.RSS += p.RSS
		g.Swap += p.Swap
		if p.Pss == unknown || g.Pss == unknown {
			g.Pss = unknown
		} else {
			g.Pss += p.Pss
		}
	}
	own := map[string][]float64{}
	for i := range all {
		for _, p := range all[i].Processes {
			if own[p.Program] == nil {
				own[p.Program] = make([]float64, len(all))
			}
			own[p.Program][i] += float64(p.Own())
		}
	}
	at := times(all)
	programs := make([]Program, 0, len(out))
	for _, g := range out {
		g.Growth = growth(at, own[g.Name])
		slices.SortStableFunc(g.Processes, func(a, b Process) int { return cmp.Compare(b.size(), a.size()) })
		programs = append(programs, *g)
	}
	slices.SortStableFunc(programs, func(a, b Program) int {
		return cmp.Or(cmp.Compare(b.Weight(), a.Weight()), cmp.Compare(a.Name, b.Name))
	})
	return programs
}
