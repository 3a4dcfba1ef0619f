//go:build kernel

package acceptance_test

import (
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// With profile permissive a job that is over max_memory for a moment is let be, told by the
// kernel's own event, again and again; strict, switched to while it runs, recycles at the next.
func TestKernelProfile(t *testing.T) {
	onKernel(t)
	s := serve(t, "require", `
[programs.peaky]
profile = "permissive"
command = ["/usr/bin/python3", "-uc", """
import time
while True:
    b = bytearray(60 << 20)
    print("peak")
    del b
    time.sleep(1)
"""]
stdout_logfile = "`+"%(here)s/peaky.log"+`"
[programs.peaky.limits]
memory_max      = "256M"
memory_swap_max = "0"
[programs.peaky.recycle]
max_memory   = "40M"
min_lifetime = "0s"
burst        = "100%"
burst_time   = "60s"
`)
	s.events.await(t, "a burst", atLeast(1, kindOf("burst")))
	eventually(t, "five peaks", func() bool { return strings.Count(slurp(s.path("peaky.log")), "peak\n") >= 5 })
	all := s.events.events()
	if ends, trips := pick(all, kindOf("ended")), pick(all, kindOf("tripwire")); len(ends)+len(trips) > 0 {
		t.Errorf("short bursts ended it: %v %v", trips, ends)
	}
	burst := pick(all, kindOf("burst"))
	if len(burst) != 1 || !strings.HasPrefix(burst[0].Message, "over max_memory, and let be for at most 1m0s: ") {
		t.Errorf("told %v", burst)
	}
	if s.one("peaky").Profile != "permissive" {
		t.Error("status does not say so")
	}
	s.ctl("profile", "strict", "peaky")
	s.events.await(t, "the recycle", atLeast(1, func(e control.Event) bool {
		return endedAs("recycled")(e) && e.Reason.Detail == "max_memory" && e.Run == 1
	}))
	s.ctl("stop", "peaky")
}
