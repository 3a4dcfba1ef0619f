//go:build kernel

package acceptance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// A worker that grows hears its stop signal soon after it has crossed
// max_memory, told by the kernel, and finishes its job under memory_max.
func TestKernelTripwireLatency(t *testing.T) {
	onKernel(t)
	c := cross(t, 15, leak{line: 48 << 20, step: 128 << 10, pause: 2 * time.Millisecond})
	figure("tripwire, from crossing max_memory to the worker's SIGTERM handler: %v", c.delays)
	figure("tripwire, KiB above max_memory at SIGTERM, growing by 128 KiB every 2 ms: %v", c.above)
}

// leak is how a worker grows, bytes.
type leak struct {
	line, step int64
	pause      time.Duration
}

// crossings are runs of such a worker that crossed the line.
type crossings struct {
	delays spread  // from there to the stop signal's handler
	above  []int64 // KiB above the line then
	rates  []int64 // MB a second before
}

// cross has a worker grow over its line, again and again.
func cross(t *testing.T, runs int, how leak) (c crossings) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "runs")
	s := serve(t, "require", `
[programs.grow]
`+ownProgram(t, "grow", fmt.Sprintf("GROW_STEP=%d", how.step), fmt.Sprintf("GROW_PAUSE=%d", how.pause.Microseconds()),
		"GROW_TO=805306368", "GROW_AFTER=40", fmt.Sprintf("GROW_LINE=%d", how.line), "GROW_LOG="+log)+fmt.Sprintf(`
startsecs    = 0
stopwaitsecs = "60s"
[programs.grow.limits]
memory_max      = "768M"
memory_swap_max = "0"
[programs.grow.recycle]
max_memory   = "%dK"
min_lifetime = "0s"
`, how.line>>10))
	s.events.await(t, "the recycles", atLeast(runs, endedAs("recycled")))
	s.ctl("stop", "grow")
	all := s.events.events()
	recycled := pick(all, endedAs("recycled"))
	looks := 0
	for _, e := range recycled {
		wires := pick(all, func(w control.Event) bool { return w.Kind == "tripwire" && w.Run == e.Run })
		if len(wires) != 1 {
			t.Errorf("run %d: tripwires %v, want one", e.Run, wires)
		} else if !strings.Contains(wires[0].Message, "told by the kernel's tripwire") {
			looks++
		}
		if e.Reason.Detail != "max_memory" || e.Reason.ExitCode != 0 {
			t.Errorf("run %d ended as %s, code %d", e.Run, e.Reason.Words(), e.Reason.ExitCode)
		}
	}
	// The sampler looks every two seconds while runs start, and may come by between the line and the wire.
	if looks > runs/3 {
		t.Errorf("%d of %d crossings were found by looks, want the kernel to tell", looks, len(recycled))
	}
	if n := len(pick(all, kindOf("ended"))) - len(recycled); n > 1 { // the last one, by stop
		t.Errorf("%d runs ended in another way", n)
	}
	for text := range strings.Lines(slurp(log)) {
		var crossed, asked, at, finished, rate int64
		if _, err := fmt.Sscan(text, &crossed, &asked, &at, &finished, &rate); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if crossed == 0 {
			continue // the one that was stopped before it crossed
		}
		// The kernel charges ahead, 64 pages for each processor (MEMCG_CHARGE_BATCH of mm/memcontrol.c):
		// by so much it may be early.
		early := int64(64 * os.Getpagesize() * runtime.NumCPU())
		if asked < crossed && at < how.line-early || at >= 768<<20 || finished != 1 {
			t.Errorf("crossed at %d, SIGTERM at %d with %d bytes, finished %d", crossed, asked, at, finished)
		}
		c.delays = append(c.delays, time.Duration(max(0, asked-crossed)))
		c.above = append(c.above, (at-how.line)>>10)
		c.rates = append(c.rates, rate/1e6)
	}
	if len(c.delays) < runs {
		t.Fatalf("%d workers finished their job, want %d", len(c.delays), runs)
	}
	return c
}

// Page cache is no leak: a worker that reads much more than max_memory is
// neither recycled nor slowed to a standstill.
func TestKernelPageCacheIsNotRecycled(t *testing.T) {
	onKernel(t)
	log := filepath.Join(t.TempDir(), "rounds")
	s := serve(t, "require", `
[programs.reader]
`+ownProgram(t, "read", "READ_UNDER=/usr", fmt.Sprintf("READ_BYTES=%d", readBytes), "READ_ROUNDS=3", "READ_LOG="+log)+`
startsecs = 0
[programs.reader.limits]
memory_max      = "320M"
memory_swap_max = "0"
[programs.reader.recycle]
max_memory   = "48M"
min_lifetime = "0s"
`)
	moved := func(e control.Event) bool { return e.Kind == "tripwire_moved" && e.Name == "reader" }
	s.events.await(t, "the tripwire moved", first(moved))
	eventually(t, "all rounds", func() bool { return strings.Count(slurp(log), "\n") == 3 })
	st := s.status()[0]
	all := s.events.events()
	if n := len(pick(all, func(e control.Event) bool {
		return e.Kind == "ended" || e.Kind == "recycle_due" || e.Kind == "tripwire"
	})); n > 0 || st.Run != 1 || st.State != "RUNNING" {
		t.Errorf("%d events of a recycle; %+v", n, st)
	}
	if st.MemoryBytes > 48<<20 || st.MemoryPeakBytes < 64<<20 {
		t.Errorf("measure %d, peak %d: want page cache alone above max_memory", st.MemoryBytes, st.MemoryPeakBytes)
	}
	figure("page cache: %d tripwire moves, peak %d MiB of memory.current over max_memory 48 MiB; rounds of %d MiB took %s",
		len(pick(all, moved)), st.MemoryPeakBytes>>20, readBytes>>20, strings.Join(strings.Fields(slurp(log)), ", "))
}

const readBytes = 192 << 20
