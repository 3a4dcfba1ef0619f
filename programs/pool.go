package programs

import (
	"cmp"
	"slices"
	"time"
)

// Admissible returns which instances of a program may begin their due recycle
// now, most urgent first: memory before age and jobs, then the oldest run. At
// most parallel of them are recycling at once.
func Admissible(p Policy, parallel int, states []State, now time.Duration) []int {
	var due []int
	free := max(parallel, 1)
	for i, s := range states {
		if s.Slot {
			free--
		}
		if s.Eligible(p, now) {
			due = append(due, i)
		}
	}
	slices.SortStableFunc(due, func(a, b int) int {
		x, y := states[a], states[b]
		if x.Due.urgent() != y.Due.urgent() {
			if x.Due.urgent() {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.Cur.Born, y.Cur.Born)
	})
	return due[:min(len(due), max(free, 0))]
}

// Room is what is known of free memory when a replacement wants to start beside
// its predecessor. Amounts in bytes; Free below 0 means no limit at that level.
type Room struct {
	Need        int64 // what one more instance may take
	HostFree    int64 // MemAvailable less the reserve
	ProgramFree int64 // total.memory_max less what the program holds
}

// Fits reports whether the replacement may overlap.
func (r Room) Fits() bool {
	return r.HostFree >= r.Need && (r.ProgramFree < 0 || r.ProgramFree >= r.Need)
}
