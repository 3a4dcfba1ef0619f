//go:build kernel

package acceptance_test

import (
	"fmt"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// A rolling restart under load: with overlap the pool never has fewer ready
// workers than it should, and without it the gap is the worker's own boot.
func TestKernelRollingOverlap(t *testing.T) {
	onKernel(t)
	for _, overlap := range []bool{true, false} {
		t.Run(fmt.Sprintf("overlap=%v", overlap), func(t *testing.T) { roll(t, overlap) })
	}
}

func roll(t *testing.T, overlap bool) {
	l := newLaravel(t)
	s := serve(t, "require", l.worker(fmt.Sprintf(`
numprocs = 8
[programs.queue.limits]
memory_max = "128M"
[programs.queue.recycle]
overlap      = %v
parallel     = 2
min_lifetime = "0s"
`, overlap)))
	s.events.await(t, "eight workers", atLeast(8, kindOf("ready")))
	l.push("Quick:500,20")
	serial := s.events.events()[len(s.events.events())-1].Serial
	s.ctl("restart", "--rolling", "queue:*")
	s.events.await(t, "the last predecessor's end", atLeast(8, kindOf("ended")))
	checkJobs(t, l.drained(10*time.Minute))

	all := s.events.events()
	least, ready := 8, map[string]bool{}
	for _, e := range all {
		run := fmt.Sprintf("%s %d", e.Name, e.Run)
		switch e.Kind {
		case "ready":
			ready[run] = true
		case "stopping", "ended":
			delete(ready, run)
		}
		if e.Serial > serial {
			least = min(least, len(ready))
		}
	}
	figure("rolling restart of 8 workers under load, overlap %v: never fewer than %d ready", overlap, least)
	if overlap && least < 8 {
		t.Errorf("the pool fell to %d ready workers", least)
	}
	if !overlap && least < 6 {
		t.Errorf("the pool fell to %d ready workers, and only 2 may be recycling at once", least)
	}
	ended := pick(all, kindOf("ended"))
	if len(ended) != 8 {
		t.Errorf("%d runs ended, want 8", len(ended))
	}
	for _, e := range ended {
		if e.Reason.Kind != "recycled" || e.Reason.Detail != "requested" {
			t.Errorf("%s run %d: %s", e.Name, e.Run, e.Reason.Words())
		}
	}
	if !overlap {
		gaps(all)
	}
}

// gaps prints where the time without a worker goes, for each replacement.
func gaps(all []control.Event) {
	var jobs, added, boots, first spread
	at := func(kind, name string, run uint64) time.Time {
		for _, e := range all {
			if e.Kind == kind && e.Name == name && e.Run == run && (kind != "state" || e.To == "STARTING") {
				return e.At
			}
		}
		return time.Time{}
	}
	for _, e := range pick(all, kindOf("ended")) {
		starting := at("state", e.Name, e.Run+1)
		jobs = append(jobs, e.At.Sub(at("stopping", e.Name, e.Run)))
		added = append(added, starting.Sub(e.At))
		boots = append(boots, at("ready", e.Name, e.Run+1).Sub(starting))
		first = append(first, at("ready", e.Name, e.Run).Sub(at("state", e.Name, e.Run)))
	}
	figure("gap without overlap, stop signal to end (the job in hand): %v", jobs)
	figure("gap without overlap, end to the next start (what bulkhead adds): %v", added)
	figure("gap without overlap, start to READY=1 (the worker's boot): %v", boots)
	figure("for comparison, start to READY=1 of the eight first workers, all at once: %v", first)
}
