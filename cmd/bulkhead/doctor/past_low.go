package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead/supervisor/control"
)

// Lowest is the reading with the least available memory.
type Lowest struct {
	At      time.Time
	Memory  Memory
	Holders []Holder // bulkhead's programs that had the most, three at most
	Others  int64    // what is in use and none of its programs': other processes, the kernel
}

// Holder is a program and what it had.
type Holder struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"` // swapped out or not
}

func lowest(readings []moment) Lowest {
	least := readings[0]
	for _, m := range readings {
		if m.Memory.Available < least.Memory.Available {
			least = m
		}
	}
	out := Lowest{At: least.at, Memory: Memory(*least.Memory)}
	used := out.Memory.Total - out.Memory.Available
	for name, u := range least.Programs {
		used -= max(u.Sum-u.Swap, 0)
		if u.Sum > 0 {
			out.Holders = append(out.Holders, Holder{printable(name), u.Sum})
		}
	}
	slices.SortFunc(out.Holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	out.Holders = out.Holders[:min(len(out.Holders), 3)]
	out.Others = max(used, 0)
	return out
}

// holders says who had the memory.
func (l Lowest) holders() string {
	var words []string
	for _, h := range l.Holders {
		words = append(words, fmt.Sprintf("%s had %s", h.Name, control.Size(h.Bytes)))
	}
	return strings.Join(append(words, fmt.Sprintf("all others %s", control.Size(l.Others))), ", ")
}

// pastLow says that memory was short.
func pastLow(p *Past) []Finding {
	l := p.Lowest
	share := l.Memory.Share()
	if share >= little {
		return nil
	}
	f := Finding{Rule: "memory-low", Severity: Warning,
		Title: fmt.Sprintf("only %s of %s were available at %s", control.Size(l.Memory.Available), control.Size(l.Memory.Total), p.clock(l.At))}
	if share < hardly && (l.Memory.SwapTotal == 0 || l.Memory.swapFull()) {
		f.Severity = Serious
		f.Title += ", and there was no swap to go to"
	}
	var short time.Duration
	for i, m := range p.moments {
		if i > 0 && m.Memory != nil && Memory(*m.Memory).Share() < little {
			short += min(m.at.Sub(p.moments[i-1].at), gapLeast)
		}
	}
	f.fact("%s", l.holders())
	f.fact("less than %.0f%% was available for %s of this time", 100*little, spanText(short))
	p.adviseLess(&f)
	return []Finding{f}
}
