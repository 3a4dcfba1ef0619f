//go:build replay

package replay

import (
	"time"
)

// keepCooldown is the least time between two restarts for want of memory.
const keepCooldown = 30 * time.Second

// keep: a service takes memory and never gives any back.
func keep(r *run) {
	r.start([]program{
		webProgram(r, ""),
		{"other", r.role("hoard", "other", r.ledger, 20, 40, 0), 3, 10 * time.Second, ""},
		{"search", r.role("hoard", "search", r.ledger, 70, 1100, 10), 1, 10 * time.Second, `
recycle = { when_available_below = "600M", cooldown = "` + keepCooldown.String() + `", min_lifetime = "5s" }`},
	}, "")
	r.watch(3 * time.Second)
	r.wait(80 * time.Second)
	r.settle(nil, "web", "other", "search")
	l := r.readLedger()
	lives := l.of("search")
	r.note("search was started %d times", len(lives))
	if !r.bulkhead() {
		return
	}
	if len(lives) < 2 {
		r.fault("search was never restarted")
	}
	for i := 2; i < len(lives); i++ {
		// A start takes a moment, sooner or later: a second of tolerance.
		if d := lives[i].up.Sub(lives[i-1].up); d < keepCooldown-time.Second {
			r.fault("search was restarted twice within %v", brief(d))
		}
	}
	for _, name := range []string{"web", "other"} {
		for _, x := range l.of(name) {
			if x.ended {
				r.fault("%s was restarted", name)
			}
		}
	}
}
