//go:build kernel

package acceptance_test

import (
	"testing"

	"bulkhead/supervisor/control"
)

// A worker that leaks against its user's own memory_high neither dies nor ends
// its job there. It is found by the stall alone, recycled, and let finish.
func TestKernelWedgedIsRecycled(t *testing.T) {
	onKernel(t)
	s := serve(t, "require", `
[programs.grow]
`+ownProgram(t, "grow", "GROW_STEP=1048576", "GROW_PAUSE=10000", "GROW_TO=805306368", "GROW_AFTER=20")+`
startsecs    = 0
stopwaitsecs = "60s"
[programs.grow.limits]
memory_high     = "48M"
memory_max      = "768M"
memory_swap_max = "0"
[programs.grow.recycle]
min_lifetime = "0s"
`)
	wedged := func(e control.Event) bool { return endedAs("recycled")(e) && e.Reason.Detail == "wedged" }
	s.events.await(t, "the end of a wedged run", first(wedged))
	e := pick(s.events.events(), wedged)[0]
	if e.Reason.ExitCode != 0 {
		t.Errorf("it could not finish: %+v", e.Reason)
	}
	if peak := e.Reason.MemoryPeakBytes; peak < 64<<20 || peak > 768<<20 {
		t.Errorf("peak %d: want what it took to finish, above memory_high and below memory_max", peak)
	}
	figure("wedged at memory_high 48 MiB: recycled after %d s, peak %d MiB", e.Reason.UptimeSeconds, e.Reason.MemoryPeakBytes>>20)
}
