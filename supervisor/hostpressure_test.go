package supervisor

import (
	"strings"
	"testing"
	"time"
)

func TestAverageOf(t *testing.T) {
	const text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=1\n"
	for _, c := range []struct {
		text, kind string
		want       float64
	}{{text, "some", 12.5}, {text, "full", 3.25}, {text, "none", 0}, {"", "some", 0}, {"some\n", "some", 0}, {"some avg10=x\n", "some", 0}} {
		if got := averageOf([]byte(c.text), c.kind); got != c.want {
			t.Errorf("%s of %q: %v", c.kind, c.text, got)
		}
	}
}

// TestHostPressureIsTold to people and listeners, and not for every window that it lasts.
func TestHostPressureIsTold(t *testing.T) {
	within(t, listening("BULKHEAD_HOST_PRESSURE"), nil, func(w *world) {
		w.after(2 * time.Second)
		w.says("READY\n")
		for range 4 {
			w.loop.post(hostPressure{available: 256 << 20, some: 12.5, full: 3.25})
			w.after(4 * time.Second)
		}
		got := w.kinds("pressure")
		if len(got) != 2 || !strings.Contains(got[0], "12% of the last 10 s, all of them 3%; 256M are available") {
			t.Errorf("told %q", got)
		}
		equal(t, "heard", w.heard(), []string{"BULKHEAD_HOST_PRESSURE some:12.50 full:3.25 available:268435456"})
	})
}
