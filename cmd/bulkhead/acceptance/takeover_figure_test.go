package acceptance_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// A thousand that run are taken over; beside it, how long their start takes.
func TestTakeoverOfAThousand(t *testing.T) {
	takeOverMany(t, "auto", 1000, "")
}

// Without cgroups every end looks through the processes of the host.
func TestTakeoverOfHundreds(t *testing.T) {
	takeOverMany(t, "off", 200, "")
}

func takeOverMany(t *testing.T, cgroup string, n int, keys string) {
	t.Helper()
	s := prepare(t, cgroup)
	s.configure(fmt.Sprintf("[programs.w]\ncommand = \"sleep 1000000\"\nstartsecs = 0\nstdout_logfile = \"none\"\nnumprocs = %d\n%s", n, keys))
	figure("cgroup %s, from exec of serve to RUNNING of all: start of %d: %v", cgroup, n, s.startUntil(n, true))
	before := pids(s.status())
	for _, w := range []way{crash, leave} {
		w.end(s)
		figure("cgroup %s, from exec of serve to RUNNING of all: adoption of %d after a %s: %v", cgroup, n, w.name, s.startUntil(n, false))
		checkPIDs(t, before, pids(s.status()))
	}
	began := time.Now()
	s.upgrade()
	figure("cgroup %s, an upgrade with %d instances, from the order to the answer: %v", cgroup, n, time.Since(began).Round(time.Millisecond))
	checkPIDs(t, before, pids(s.status()))
	s.do(control.Order{Verb: "stop", Names: []string{"all"}, Now: true})
}

// startUntil is how long a supervisor takes until so many run, and how long the
// last question for the status of all took.
func (s *supervisor) startUntil(n int, first bool) string {
	s.t.Helper()
	began := time.Now()
	s.start()
	if first { // a status of all takes readings of all: not over and over
		s.events.await(s.t, "all are up", atLeast(n, kindOf("ready")))
	}
	var asked time.Time
	eventually(s.t, "status says so", func() bool { // an event is told a moment before
		asked = time.Now()
		return len(pids(s.status())) == n
	})
	return fmt.Sprintf("%v, of which the answer took %v", time.Since(began).Round(time.Millisecond), time.Since(asked).Round(time.Millisecond))
}

func checkPIDs(t *testing.T, before, after map[string]int) {
	t.Helper()
	for name, pid := range before {
		if after[name] != pid {
			t.Fatalf("%s: pid %d became %d", name, pid, after[name])
		}
	}
}

// How long an upgrade keeps clients waiting.
func TestUpgradePause(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) { upgradePause(t, cgroup, 200, 10, "") })
}

func upgradePause(t *testing.T, cgroup string, n, upgrades int, keys string) {
	t.Helper()
	s := serve(t, cgroup, fmt.Sprintf("[programs.w]\ncommand = \"sleep 1000000\"\nstartsecs = 0\nstdout_logfile = \"none\"\nnumprocs = %d\n%s", n, keys))
	s.awaitAll("w", n)
	before := pids(s.status())
	for _, how := range []string{"one connection", "fresh connections"} {
		for _, upgraded := range []bool{false, true} {
			gaps := s.gaps(how == "one connection", func() {
				for range upgrades {
					if upgraded {
						s.upgrade()
					}
					time.Sleep(50 * time.Millisecond)
				}
			})
			what := "without an upgrade, for comparison"
			if upgraded {
				what = fmt.Sprintf("over %d upgrades", upgrades)
			}
			figure("cgroup %s, %d instances, questions every millisecond over %s, %s: longest waits %v, all: %v", cgroup, n, how, what, longest(gaps, 10), gaps)
		}
	}
	checkPIDs(t, before, pids(s.status()))
	s.do(control.Order{Verb: "stop", Names: []string{"all"}, Now: true})
}

func longest(all spread, n int) []time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	slices.Reverse(sorted)
	for i := range sorted {
		sorted[i] = sorted[i].Round(time.Millisecond)
	}
	return sorted[:min(n, len(sorted))]
}

// gaps asks for the version, which needs no reading, every millisecond while do
// runs, and returns how long each answer took.
func (s *supervisor) gaps(one bool, do func()) spread {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	var all spread
	go func() { done <- s.askOn(ctx, one, &all) }()
	do()
	cancel()
	if err := <-done; err != nil {
		s.t.Errorf("a client was told: %v", err)
	}
	return all
}

func (s *supervisor) askOn(ctx context.Context, one bool, all *spread) error {
	client := control.Dial(s.path("bulkhead.sock"))
	defer client.Close()
	for ctx.Err() == nil {
		began := time.Now()
		if !one {
			client.Close()
		}
		if _, err := client.Version(context.Background()); err != nil {
			return err
		}
		*all = append(*all, time.Since(began))
		time.Sleep(time.Millisecond) // the answer wants a processor too
	}
	return nil
}
