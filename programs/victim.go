package programs

import (
	"cmp"
	"slices"
	"time"
)

// Candidate is an instance as the pressure ladder sees it.
type Candidate struct {
	Program  int           // which program
	Group    int           // priority of its group; a higher number is less important
	Priority int           // its own
	Safe     bool          // a service that is not to be touched
	Pausable bool          // has a pause signal, runs, and is not paused
	Live     bool          // has a process
	Held     int64         // bytes that only the process can give back
	Usual    int64         // bytes that an instance of the program is known to take; 0 not known
	Born     time.Duration // of the run
}

// worth is the least that ending instances must give back, bytes: a host that is short of
// memory has nothing of the end of a sleeping script.
const worth = 8 << 20

func (c Candidate) excess() int64 { return c.Held - c.Usual }

// lessImportant puts the programs with the highest priority numbers first, as
// a shutdown does.
func lessImportant(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Group, a.Group), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Program, b.Program))
}

// pick returns those that fit, least important program first.
func pick(all []Candidate, fits func(Candidate) bool) []int {
	var at []int
	for i, c := range all {
		if !c.Safe && fits(c) {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int { return lessImportant(all[a], all[b]) })
	return at
}

// firstProgram cuts a picked list down to the program it begins with.
func firstProgram(all []Candidate, at []int) []int {
	for n, i := range at {
		if all[i].Program != all[at[0]].Program {
			return at[:n]
		}
	}
	return at
}

// ToPause are the queue workers to pause next: those of the least important program
// that has any at work.
func ToPause(all []Candidate) []int {
	return firstProgram(all, pick(all, func(c Candidate) bool { return c.Pausable }))
}

// ToEnd are the instances to end next in good order: half of those of the least
// important program that has more than one and holds anything to speak of, the
// largest first. The last one stays.
func ToEnd(all []Candidate) []int {
	live := pick(all, func(c Candidate) bool { return c.Live })
	for len(live) > 0 {
		of := firstProgram(all, live)
		if len(of) > 1 {
			of = slices.Clone(of)
			slices.SortStableFunc(of, func(a, b int) int { return cmp.Compare(all[b].Held, all[a].Held) })
			of = of[:len(of)/2]
			if held(all, of) >= worth {
				return of
			}
			of = firstProgram(all, live)
		}
		live = live[len(of):]
	}
	return nil
}

func held(all []Candidate, at []int) int64 {
	var sum int64
	for _, i := range at {
		sum += all[i].Held
	}
	return sum
}

// ToKill is the cheapest instance: of the least important priority the one that is
// furthest over what is usual, then the youngest, which loses the least work.
// It is false when there is none that may be killed.
func ToKill(all []Candidate) (int, bool) {
	live := pick(all, func(c Candidate) bool { return c.Live && c.Held >= worth })
	if len(live) == 0 {
		return 0, false
	}
	least := all[live[0]]
	best := live[0]
	for _, i := range live {
		c := all[i]
		if c.Group != least.Group || c.Priority != least.Priority {
			break
		}
		if cmp.Or(cmp.Compare(c.excess(), all[best].excess()), cmp.Compare(c.Born, all[best].Born)) > 0 {
			best = i
		}
	}
	return best, true
}
