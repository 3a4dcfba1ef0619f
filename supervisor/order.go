package supervisor

import (
	"cmp"
	"slices"
)

// inOrder returns the programs in start order: by the priority of their group, then
// their own, then by name.
func (l *loop) inOrder() []*program {
	out := make([]*program, 0, len(l.programs))
	for _, p := range l.programs {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *program) int {
		return cmp.Or(byPriority(a, b), cmp.Compare(a.conf.Name, b.conf.Name))
	})
	return out
}

func byPriority(a, b *program) int {
	return cmp.Or(cmp.Compare(a.conf.GroupPriority, b.conf.GroupPriority), cmp.Compare(a.conf.Priority, b.conf.Priority))
}

// batches groups programs for a stop: the highest priority number first, equal
// ones together.
func batches(programs []*program) [][]*program {
	var out [][]*program
	for i := len(programs) - 1; i >= 0; i-- {
		p := programs[i]
		if n := len(out); n > 0 && byPriority(out[n-1][0], p) == 0 {
			out[n-1] = append(out[n-1], p)
			continue
		}
		out = append(out, []*program{p})
	}
	return out
}
