//go:build kernel

package acceptance_test

import (
	"testing"
	"time"
)

// scale starts and stops the difference; who stays goes on with its work.
func TestKernelScaleKeepsRunning(t *testing.T) {
	onKernel(t)
	l := newLaravel(t)
	s := serve(t, "require", l.worker(`
numprocs = 8
[programs.queue.limits]
memory_max = "128M"
`))
	s.events.await(t, "eight workers", atLeast(8, kindOf("ready")))
	l.push("Quick:300,300")
	eight := pids(s.status())
	s.ctl("scale", "queue", "12")
	twelve := pids(s.status())
	l.push("Quick:150,300")
	s.ctl("scale", "queue", "4")
	busy := len(l.ledger()) > 0 && l.redis("llen", "laravel_database_queues:default") != "0\n"
	four := pids(s.status())
	if len(eight) != 8 || len(twelve) != 12 || len(four) != 4 {
		t.Fatalf("%d, %d, %d instances run, want 8, 12, 4", len(eight), len(twelve), len(four))
	}
	for name, pid := range eight {
		if twelve[name] != pid {
			t.Errorf("%s: pid %d became %d by scaling up", name, pid, twelve[name])
		}
	}
	for name, pid := range four {
		if twelve[name] != pid {
			t.Errorf("%s: pid %d became %d by scaling down", name, twelve[name], pid)
		}
	}
	if !busy {
		t.Error("the queue was empty before the scaling was over: nothing is shown")
	}
	checkJobs(t, l.drained(10*time.Minute))
	ended := pick(s.events.events(), kindOf("ended"))
	if len(ended) != 8 {
		t.Errorf("%d runs ended, want the 8 that had to go", len(ended))
	}
	for _, e := range ended {
		if e.Reason.Kind != "stopped" || e.Reason.ExitCode != 0 {
			t.Errorf("%s: %s, code %d", e.Name, e.Reason.Words(), e.Reason.ExitCode)
		}
	}
}
