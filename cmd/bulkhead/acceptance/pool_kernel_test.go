//go:build kernel

package acceptance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// The main job: eight real workers, two thousand jobs of every temper. Each job
// ends as it would alone, and each end of a worker has its own true reason.
func TestKernelLaravelPool(t *testing.T) {
	onKernel(t)
	l := newLaravel(t)
	s := serve(t, "require", l.worker(`
numprocs = 8
[programs.queue.limits]
memory_max      = "192M"
memory_swap_max = "0"
pids_max        = 32
[programs.queue.recycle]
max_jobs     = 100
max_memory   = "56M"
min_lifetime = "0s"
parallel     = 3
`))
	s.events.await(t, "eight workers", atLeast(8, kindOf("ready")))
	balloon(t, s, l)

	began := time.Now()
	l.push("--shuffle=1", "Quick:1848,2", "LeakPhp:50,8", "LeakNative:50,8", "Fails:40", "TimesOut:5,2", "Slow:5,2")
	l.drained(15 * time.Minute)
	figure("2,000 jobs on 8 workers in %v", time.Since(began).Round(time.Second))

	lastly(t, s, endedAs("killed"), "job timeout", func() { l.push("TimesOut:1,2") })
	lastly(t, s, endedAs("crashed"), "SIGSEGV", func() {
		if err := syscall.Kill(idle(t, s).PID, syscall.SIGSEGV); err != nil {
			t.Fatal(err)
		}
	})
	lastly(t, s, endedAs("recycled"), "requested", func() { s.ctl("recycle", idle(t, s).FullName()) })
	lastly(t, s, endedAs("stopped"), "requested", func() { s.ctl("stop", "queue:*") })
	ledger := l.drained(time.Minute)
	all := s.events.events()
	if s.events.lost {
		t.Fatal("the event stream has a gap")
	}
	ends := checkJobs(t, ledger)
	checkCounts(t, all, ends)
	checkReasons(t, s, all)
	checkPool(t, all, ledger)
}

// balloon has one worker killed by its limit while its seven siblings idle.
func balloon(t *testing.T, s *supervisor, l *laravel) {
	t.Helper()
	before := s.status()
	l.push("Balloon:1")
	s.events.await(t, "the balloon's OOM kill", first(endedAs("oom_killed")))
	kill := pick(s.events.events(), endedAs("oom_killed"))[0]
	s.events.await(t, "its replacement", first(func(e control.Event) bool {
		return e.Kind == "ready" && e.Name == kill.Name && e.Run == kill.Run+1
	}))
	changed := 0
	for i, now := range s.status() {
		was := before[i]
		if now.FullName() == kill.Name {
			changed++
			if now.OOMKills != 1 || was.PID != kill.PID {
				t.Errorf("%s: pid %d was killed of %d, %d OOM kills", kill.Name, kill.PID, was.PID, now.OOMKills)
			}
			continue
		}
		if now.PID != was.PID || now.Run != was.Run || now.UptimeSeconds < was.UptimeSeconds || now.State != "RUNNING" || now.OOMKills != 0 {
			t.Errorf("a sibling of the balloon: before %+v, after %+v", was, now)
		}
	}
	if changed != 1 {
		t.Errorf("the killed one, %s, is no instance of status", kill.Name)
	}
	if !strings.Contains(kill.Reason.Detail, "memory_max 192M was hit") || !strings.Contains(kill.Reason.Detail, "Balloon") {
		t.Errorf("the reason names not the limit and the job: %q", kill.Reason.Detail)
	}
	if got := inHand(l.ledger(), kill.PID); !slices.Equal(got, []string{"Balloon-0001"}) {
		t.Errorf("the killed worker had %q in hand", got)
	}
}

// idle is an instance that runs and is not about to end.
func idle(t *testing.T, s *supervisor) control.Status {
	t.Helper()
	var found control.Status
	eventually(t, "an idle worker", func() bool {
		for _, found = range s.status() {
			if found.State == "RUNNING" && found.Recycling == "" {
				return true
			}
		}
		return false
	})
	return found
}

// lastly does something, waits for the end that follows from it, and demands
// that status gives its reason.
func lastly(t *testing.T, s *supervisor, like func(control.Event) bool, detail string, do func()) {
	t.Helper()
	before := len(s.events.events())
	do()
	var last control.Event
	s.events.await(t, "an end, "+detail, func(all []control.Event) bool {
		found := pick(all[before:], func(e control.Event) bool { return like(e) && cause(e.Reason) == detail })
		if len(found) > 0 {
			last = found[0]
		}
		return len(found) > 0
	})
	var told []control.Status
	out, _, err := s.run("status", "--json", last.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || len(told) != 1 {
		t.Fatalf("ctl status --json %s: %v\n%s", last.Name, err, out)
	}
	if r := told[0].LastReason; r == nil || r.Kind != last.Reason.Kind || r.Detail != last.Reason.Detail || r.Run != last.Run {
		t.Errorf("ctl status --json %s: %+v, want %+v", last.Name, r, last.Reason)
	}
}

// cause is a reason's detail without the job that was in hand.
func cause(r *control.Reason) string {
	detail, _, _ := strings.Cut(r.Detail, ", job in hand")
	return detail
}

// checkCounts compares the jobs counted from the output with the ledger.
func checkCounts(t *testing.T, all []control.Event, ends map[int]int) {
	t.Helper()
	var sum int64
	for _, e := range pick(all, kindOf("ended")) {
		sum += e.Reason.JobsDone
		if int(e.Reason.JobsDone) != ends[e.PID] {
			t.Errorf("%s run %d, pid %d: counted %d jobs, the ledger has %d", e.Name, e.Run, e.PID, e.Reason.JobsDone, ends[e.PID])
		}
		delete(ends, e.PID)
	}
	if sum != 2000 || len(ends) != 0 {
		t.Errorf("counted %d jobs, want 2000; the ledger has more by %v", sum, ends)
	}
}

// checkReasons demands all five, told apart wherever they are shown.
func checkReasons(t *testing.T, s *supervisor, all []control.Event) {
	t.Helper()
	count := map[string]int{}
	for _, e := range pick(all, kindOf("ended")) {
		word := e.Reason.Kind
		if word == "recycled" || word == "killed" {
			word += " " + cause(e.Reason)
		}
		count[word]++
	}
	for word, want := range map[string]int{"oom_killed": 1, "killed job timeout": 6, "crashed": 1, "stopped": 8} {
		if count[word] != want {
			t.Errorf("%d ends are %q, want %d", count[word], word, want)
		}
		delete(count, word)
	}
	for _, word := range []string{"recycled max_memory", "recycled max_jobs", "recycled requested"} {
		if count[word] == 0 {
			t.Errorf("no end is %q", word)
		}
		figure("%d workers %s", count[word], word)
		delete(count, word)
	}
	if len(count) != 0 {
		t.Errorf("ends of another kind: %v", count)
	}

	var told []control.History
	if err := json.Unmarshal([]byte(s.ctl("why", "--json", "queue:*")), &told); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, h := range told {
		if h.Status.LastReason == nil || h.Status.LastReason.Kind != "stopped" || h.Status.State != "STOPPED" {
			t.Errorf("%s: %s, last reason %+v; want stopped", h.Status.Name, h.Status.State, h.Status.LastReason)
		}
		for _, r := range h.Reasons {
			kinds[r.Kind] = true
		}
	}
	if want := []string{"crashed", "killed", "oom_killed", "recycled", "stopped"}; !slices.Equal(slices.Sorted(maps.Keys(kinds)), want) {
		t.Errorf("ctl why --json tells %v, want %v", slices.Sorted(maps.Keys(kinds)), want)
	}
	text := s.ctl("why", "queue:*")
	for _, want := range []string{
		"recycled: max_memory", "recycled: max_jobs", "job timeout", "crashed: SIGSEGV", "  stopped\n",
		"killed by the kernel: out of memory in its own compartment", "memory_max 192M was hit",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("ctl why does not tell %q", want)
		}
	}
}

// checkPool holds each end against what its worker had in hand.
func checkPool(t *testing.T, all []control.Event, ledger []entry) {
	t.Helper()
	for _, e := range pick(all, kindOf("ended")) {
		cut := inHand(ledger, e.PID)
		if e.Reason.Kind != "oom_killed" && len(cut) > 0 {
			t.Errorf("%s run %d ended as %s with %q in hand", e.Name, e.Run, e.Reason.Words(), cut)
		}
		if e.Reason.Kind != "recycled" {
			continue
		}
		if e.Reason.ExitCode != 0 || e.Reason.Signal != "" {
			t.Errorf("%s run %d was recycled and ended with code %d %s", e.Name, e.Run, e.Reason.ExitCode, e.Reason.Signal)
		}
		wires := pick(all, func(w control.Event) bool { return w.Kind == "tripwire" && w.Name == e.Name && w.Run == e.Run })
		if e.Reason.Detail == "max_memory" && len(wires) != 1 {
			t.Errorf("%s run %d was recycled for its memory after %d tripwires", e.Name, e.Run, len(wires))
		}
		if e.Reason.Detail == "max_memory" && e.Reason.MemoryPeakBytes >= 192<<20 {
			t.Errorf("%s run %d peaked at %d", e.Name, e.Run, e.Reason.MemoryPeakBytes)
		}
	}
}
