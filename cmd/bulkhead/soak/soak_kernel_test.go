//go:build kernel

package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// Sixteen Laravel workers and a few programs that print, on a kernel that holds
// limits. Nothing that happens to the supervisor may cost a job, a line or an instance.
func TestKernelSoak(t *testing.T) {
	if os.Getenv("BULKHEAD_KERNEL_TESTS") == "" || os.Getenv("BULKHEAD_BIN") == "" {
		t.Fatal("run this with `make soak`: it needs BULKHEAD_KERNEL_TESTS and BULKHEAD_BIN")
	}
	s := newSoak(t, "require", time.Second, 20*time.Second, 6, 6)
	s.settleMost, s.pause = 90*time.Second, time.Second
	s.balloons = 2 + (s.kills+s.upgrades)/10
	s.work(16, 1500*time.Millisecond)
}

// work is the plan under the load of so many workers, whose jobs take so long.
func (s *soak) work(workers int, job time.Duration) {
	t := s.t
	l := newLaravel(t, filepath.Join(s.dir, "logs"))
	s.crews = append(s.crews, l.crew(s.mark, workers))
	s.ignore = filepath.Base(l.log)
	load := []string{"--shuffle=1", fmt.Sprintf("Quick:190,%d", job.Milliseconds()), "LeakNative:10,8"}
	if s.balloons > 0 {
		l.push("--queue=held", fmt.Sprintf("%s:%d", balloon, s.balloons))
	}
	l.push(load...)
	s.push = func() {
		if !l.inflate(15 * time.Second) {
			s.say("no worker has begun it yet")
		}
	}
	s.each = func(int) {
		if l.waiting() < 40 {
			l.push(load...)
		}
	}
	var ledger []entry
	s.last = func() {
		ledger = l.drained(3 * time.Minute)
		s.say("all jobs have ended")
		ctx, cancel := context.WithTimeout(context.Background(), s.settleMost)
		defer cancel()
		if _, err := s.captain.client.Do(ctx, control.Order{Verb: "stop", Names: []string{"queue:*"}}); err != nil {
			s.fault("cannot stop the workers: %v", err)
		}
		for _, n := range s.wants.names() {
			if s.wants.programOf(n) == "queue" {
				s.wants.stopped[n] = true
			}
		}
		s.settle("the workers' end")
		s.history()
		ends := s.checkJobs(ledger)
		kinds := s.checkCounts("queue", ends)
		s.say("ends of workers: %v", kinds)
		if kinds["oom_killed"] != s.balloons {
			s.fault("%d workers are said to have been killed for memory, %d jobs made it so", kinds["oom_killed"], s.balloons)
		}
	}
	s.run()
	s.checkWorkersLog(l.log, ledger)
	s.print()
}
