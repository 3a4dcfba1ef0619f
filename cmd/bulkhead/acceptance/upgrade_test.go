package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// upgradeSignal has a supervisor execute its binary anew.
const upgradeSignal = syscall.SIGUSR1

// stopSignal is the one that is never lost in an exec. (SIGTERM Go lets nobody hold.)
const stopSignal = syscall.Signal(37)

// Upgrade after upgrade leaves nothing behind: no descriptor, no memory to
// speak of, no process.
func TestUpgradeLeaksNothing(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", "numprocs = 20"))
		s.awaitAll("w", 20)
		s.upgrade() // what is only there after one is there now
		s.account()
		pid := s.cmd.Process.Pid
		before := s.settled(pid)
		fds, memory := descriptors(t, pid), anonymous(t, pid)
		for range 20 {
			s.upgrade()
		}
		s.account()
		after := s.settled(pid)
		if after > before {
			t.Errorf("%d descriptors before 20 upgrades, %d after:\n%q\n%q", before, after, fds, descriptors(t, pid))
		}
		if now := anonymous(t, pid); now > memory+4<<10 {
			t.Errorf("%d KiB of memory before 20 upgrades, %d after", memory, now)
		} else {
			figure("cgroup %s, anonymous memory before and after 20 upgrades: %d and %d KiB", cgroup, memory, now)
		}
		if n := len(s.keepers()); n != 1 {
			t.Errorf("%d keepers, want 1", n)
		}
		if n := len(marked(t, s.mark())); n != 21 {
			t.Errorf("%d processes, want the supervisor and its 20 programs", n)
		}
	})
}

// settled is how many descriptors a process has once the connections of clients
// that are gone are closed.
func (s *supervisor) settled(pid int) (n int) {
	s.t.Helper()
	last, same := -1, 0
	eventually(s.t, "the descriptors come to rest", func() bool {
		n = len(descriptors(s.t, pid))
		if same++; n != last {
			last, same = n, 0
		}
		return same > 10
	})
	return n
}

// anonymous is the private memory of a process, KiB.
func anonymous(t *testing.T, pid int) int64 {
	t.Helper()
	return procField(t, fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
}

// A child that ends while the supervisor executes its successor has the exit
// status that it had.
func TestUpgradeKeepsExitStatuses(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		const n = 40
		s := serve(t, cgroup, worker("w", sleeper("exit 7"), fmt.Sprintf("numprocs = %d\nautorestart = false", n)))
		s.awaitAll("w", n)
		before := pids(s.status())
		for _, pid := range before {
			eventually(t, "it waits", func() bool { return len(children(t, pid)) > 0 })
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			for _, pid := range before {
				_ = syscall.Kill(pid, syscall.SIGUSR1) // a reason that is missing tells
				time.Sleep(3 * time.Millisecond)
			}
		}()
		for range 5 {
			s.upgrade()
		}
		<-over
		s.upgrade()
		for _, st := range s.status() {
			st = s.await(st.FullName(), "has ended", in("EXITED"))
			if r := st.LastReason; st.Run != 1 || r.ExitCode != 7 || r.Kind == "unknown" {
				t.Errorf("%s: run %d, %+v", st.Name, st.Run, r)
			}
		}
		s.events.await(t, "all ends", atLeast(n, kindOf("ended")))
		if ends := pick(s.events.events(), kindOf("ended")); len(ends) != n {
			t.Errorf("%d ends were told, want %d", len(ends), n)
		}
	})
}

// An upgrade in the middle of starts, stops and overlaps: what was asked for is
// done, nothing twice, nothing never.
func TestUpgradeInTheMiddle(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", "numprocs = 20\n[programs.w.recycle]\nmin_lifetime = 0\nparallel = 20\noverlap = true"))
		s.awaitAll("w", 20)
		for i, o := range []control.Order{
			{Verb: "stop", Names: []string{"all"}}, {Verb: "start", Names: []string{"all"}},
			{Verb: "restart", Names: []string{"all"}}, {Verb: "recycle", Names: []string{"all"}},
			{Verb: "scale", Names: []string{"w"}, Count: 30}, {Verb: "restart", Names: []string{"all"}},
			{Verb: "scale", Names: []string{"w"}, Count: 10}, {Verb: "restart", Names: []string{"all"}, Roll: true},
		} {
			answer := make(chan error, 1)
			go func() {
				out, err := s.client.Do(context.Background(), o)
				for _, one := range out {
					if one.Fault != control.NoFault {
						err = errors.Join(err, fmt.Errorf("%s: %s %s", one.Name, one.Fault, one.Detail))
					}
				}
				answer <- err
			}()
			time.Sleep(time.Duration(i) * time.Millisecond) // another moment each time
			s.upgrade()
			select {
			case err := <-answer:
				if err != nil {
					t.Errorf("%s %v: %v", o.Verb, o.Names, err)
				}
			case <-time.After(patience):
				t.Fatalf("%s %v is not answered", o.Verb, o.Names)
			}
		}
		s.awaitAll("w", 10)
		eventually(t, "what had to go is gone", func() bool { return len(marked(t, s.mark())) == 11 })
		for _, st := range s.status() {
			if st.State != "RUNNING" || st.Restarts != 0 {
				t.Errorf("%+v", st)
			}
		}
		if s.events.lost {
			t.Error("the event stream has a gap")
		}
		starts := map[string]bool{}
		for _, e := range pick(s.events.events(), kindOf("ready")) {
			id := fmt.Sprint(e.Name, " run ", e.Run)
			if starts[id] {
				t.Errorf("%s was started twice", id)
			}
			starts[id] = true
		}
	})
}

// A SIGTERM that comes right behind an upgrade is not lost, and never ends the
// supervisor alone.
func TestUpgradeThenTerm(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, after := range []time.Duration{0, 5, 10, 15, 20, 30, 40, 60} {
			s := serve(t, cgroup, worker("w", "exec sleep 1000000", "numprocs = 3"))
			s.awaitAll("w", 3)
			tellPID(t, s.cmd.Process.Pid, upgradeSignal)
			time.Sleep(after * time.Millisecond)
			tellPID(t, s.cmd.Process.Pid, stopSignal)
			late := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
			var exit *exec.ExitError
			if err := s.cmd.Wait(); errors.As(err, &exit) {
				t.Errorf("the stop signal %v ms after SIGUSR1: %v", int(after), err)
			}
			late.Stop()
			if left := slices.DeleteFunc(marked(t, s.mark()), func(pid int) bool { return strings.Contains(processState(pid), "Z") }); len(left) > 0 {
				t.Errorf("the stop signal %v ms after SIGUSR1: processes are left: %v", int(after), left)
			}
		}
	})
}
