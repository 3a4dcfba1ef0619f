package programs

import "time"

// Wedge recognises an instance that makes no progress at the user's own
// memory_high. It is fed once per pressure event, which the kernel sends at
// most once per window while all of the instance's tasks stall; a quiet window
// starts it anew.
type Wedge struct {
	first   time.Duration
	last    time.Duration
	measure int64
	jobs    int
}

// wedgeAfter is how long the stall must last. The kernel puts a throttled task
// to sleep for at most 2 s at a time, so ten of those did not help.
const wedgeAfter = 20 * time.Second

// wedgeCrawl is what a throttled instance still grows by in a second: the kernel
// lets a thread have a batch of 64 pages per sleep (mm/memcontrol.c), and few
// have more than two at it. In bytes.
const wedgeCrawl = 256 << 10

// Press feeds one pressure event and reports whether the instance is wedged:
// the stall lasted, no job ended, and its measure is flat: within 2 %, or what
// it crawls.
func (w Wedge) Press(at, window time.Duration, measure int64, jobs int) (Wedge, bool) {
	slack := max(w.measure/50, int64((at-w.first).Seconds()*wedgeCrawl))
	flat := measure >= w.measure-slack && measure <= w.measure+slack
	if w.first == 0 || at-w.last > 3*window || jobs != w.jobs || !flat {
		return Wedge{first: at, last: at, measure: measure, jobs: jobs}, false
	}
	w.last = at
	return w, at-w.first >= wedgeAfter
}
