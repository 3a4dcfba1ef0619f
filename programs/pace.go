package programs

import "time"

// Settling is how long a run that was started may take to need what its program is known to
// need. So long the host's free memory does not show it yet.
const Settling = 10 * time.Second

// Growing are the runs that were started within the last Settling, as far as it is known what
// they will need. The zero value has none.
type Growing struct {
	owed int64 // bytes, the sum of runs
	runs []growing
}

type growing struct {
	until time.Duration // monotonic
	need  int64         // bytes
}

// Add counts a run that is started now and will need so many bytes.
func (g *Growing) Add(need int64, now time.Duration) {
	if need > 0 {
		g.owed += need
		g.runs = append(g.runs, growing{now + Settling, need})
	}
}

// Wait says that a run which will need so many bytes is to be started later: with those that
// grow already it would bring the host under the line. available is what the host has now; a
// line of 0 is none.
//
// Where nothing grows it is never said. What is known to be needed is the most there ever
// was: it paces starts, and what refuses them is what the host really has.
func (g *Growing) Wait(need, available, line int64, now time.Duration) bool {
	for len(g.runs) > 0 && g.runs[0].until <= now {
		g.owed -= g.runs[0].need
		g.runs = g.runs[1:]
	}
	return line > 0 && need > 0 && g.owed > 0 && available-g.owed-need < line
}
