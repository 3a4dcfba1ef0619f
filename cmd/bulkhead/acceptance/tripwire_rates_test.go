//go:build rates

package acceptance_test

import (
	"testing"
	"time"
)

// How far a worker gets over its line depends on how fast it grows, up to where the kernel
// slows it down: the tripwire is its memory.high.
func TestKernelTripwireRates(t *testing.T) {
	onKernel(t)
	for _, how := range []struct {
		mb   int64 // a second, as asked for
		runs int
		leak
	}{
		{1, 3, leak{16 << 20, 16 << 10, 16 * time.Millisecond}},
		{10, 10, leak{16 << 20, 64 << 10, 6400 * time.Microsecond}},
		{100, 10, leak{48 << 20, 512 << 10, 5 * time.Millisecond}},
		{1000, 10, leak{256 << 20, 4 << 20, 4 * time.Millisecond}},
	} {
		c := cross(t, how.runs, how.leak)
		figure("tripwire at %d MB/s (%v MB/s were reached): to the stop signal %v; KiB over the line then %v", how.mb, c.rates, c.delays, c.above)
	}
}
