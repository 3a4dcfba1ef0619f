package programs

import (
	"slices"
	"testing"
	"time"
)

// fleetUnderPressure: a database that is safe, a web server, mail workers, and
// reports, which matter least.
var fleetUnderPressure = []Candidate{
	0: {Program: 0, Group: 1, Priority: 1, Safe: true, Live: true, Held: 900 * mib, Usual: 100 * mib},
	1: {Program: 1, Group: 500, Priority: 500, Live: true, Held: 300 * mib, Usual: 300 * mib, Born: 1},
	2: {Program: 2, Group: 999, Priority: 10, Live: true, Pausable: true, Held: 50 * mib, Usual: 40 * mib, Born: 5},
	3: {Program: 2, Group: 999, Priority: 10, Live: true, Pausable: true, Held: 45 * mib, Usual: 40 * mib, Born: 6},
	4: {Program: 3, Group: 999, Priority: 20, Live: true, Pausable: true, Held: 90 * mib, Usual: 70 * mib, Born: 2},
	5: {Program: 3, Group: 999, Priority: 20, Live: true, Held: 120 * mib, Usual: 100 * mib, Born: 3},
	6: {Program: 3, Group: 999, Priority: 20, Live: true, Pausable: true, Held: 80 * mib, Usual: 80 * mib, Born: 4},
	7: {Program: 3, Group: 999, Priority: 20, Held: 5000 * mib},
}

func without(all []Candidate, change func(*Candidate), at ...int) []Candidate {
	all = slices.Clone(all)
	for _, i := range at {
		change(&all[i])
	}
	return all
}

func TestToPause(t *testing.T) {
	paused := func(c *Candidate) { c.Pausable = false }
	if got := ToPause(fleetUnderPressure); !slices.Equal(got, []int{4, 6}) {
		t.Errorf("first %v", got)
	}
	all := without(fleetUnderPressure, paused, 4, 6)
	if got := ToPause(all); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("then %v", got)
	}
	if got := ToPause(without(all, paused, 2, 3)); len(got) != 0 {
		t.Errorf("then %v", got)
	}
}

func TestToEnd(t *testing.T) {
	gone := func(c *Candidate) { c.Live = false }
	if got := ToEnd(fleetUnderPressure); !slices.Equal(got, []int{5}) { // the largest of three
		t.Errorf("first %v", got)
	}
	all := without(fleetUnderPressure, gone, 5)
	if got := ToEnd(all); !slices.Equal(got, []int{4}) {
		t.Errorf("then %v", got)
	}
	all = without(all, gone, 4)
	if got := ToEnd(all); !slices.Equal(got, []int{2}) { // of the next program: the last of the first stays
		t.Errorf("then %v", got)
	}
	if got := ToEnd(without(all, gone, 2)); got != nil { // one of each is left
		t.Errorf("then %v", got)
	}
}

func TestToKill(t *testing.T) {
	gone := func(c *Candidate) { c.Live = false }
	var order []int
	all := fleetUnderPressure
	for {
		i, ok := ToKill(all)
		if !ok {
			break
		}
		order = append(order, i)
		all = without(all, gone, i)
	}
	// 4 and 5 are 20 over what is usual, 5 is younger. The safe one is never chosen.
	if want := []int{5, 4, 6, 2, 3, 1}; !slices.Equal(order, want) {
		t.Errorf("killed in the order %v, want %v", order, want)
	}
	if got := ToEnd([]Candidate{{Live: true, Held: 3 * mib}, {Live: true, Held: 4 * mib}}); got != nil {
		t.Errorf("%v: it would give nothing back", got)
	}
	if i, ok := ToKill([]Candidate{{Live: true, Held: 7 * mib}}); ok {
		t.Errorf("%d: it would give nothing back", i)
	}
	equal := []Candidate{{Live: true, Held: 9 * mib, Born: time.Second}, {Live: true, Held: 9 * mib, Born: time.Minute}}
	if i, ok := ToKill(equal); !ok || i != 1 {
		t.Errorf("%d %v: the youngest loses the least", i, ok)
	}
}
