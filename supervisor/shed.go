package supervisor

import (
	"runtime/debug"
	"sync"
	"time"

	"bulkhead/supervisor/resident"
)

// calmAfter is how long nothing must have happened before the supervisor sheds.
const calmAfter = 3 * time.Second

// calm sheds when it has become quiet: after the start, a burst, a question.
type calm struct {
	timer *time.Timer
	drill func()

	mu      sync.Mutex // one at a time
	learned bool
	pages   resident.Pages
}

// newCalm will have drill do what must be possible at any time.
func newCalm(drill func()) *calm {
	c := &calm{drill: drill}
	c.timer = time.AfterFunc(calmAfter, c.shed)
	return c
}

// stir says that something happens.
func (c *calm) stir() { c.timer.Reset(calmAfter) }

func (c *calm) stop() { c.timer.Stop() }

// acting are the packages whose code is needed at any time.
var acting = []string{"bulkhead/cgroup", "bulkhead/programs", "bulkhead/supervisor", "bulkhead/supervisor/spawn"}

// shed gives back memory that only the start needed: the heap's free pages, and
// the pages of our own program file that are mapped but not needed. It halves
// what an idle supervisor holds.
func (c *calm) shed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.learned {
		c.learned = true
		c.pages, _ = resident.Learn(func() { // else nothing is known to be needed
			debug.FreeOSMemory()
			c.drill()
		}, acting...)
	}
	debug.FreeOSMemory()
	resident.SmallPages() // else the kernel takes again what has been given back
	c.pages.Shed()
}
