package acceptance_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// What ends while there is no supervisor has ended: it is told, its last lines
// are in the log, and what belongs to it goes too.
func TestTakeoverOfWhatHasEnded(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range []way{crash, leave} {
			t.Run(w.name, func(t *testing.T) { endedMeanwhile(t, cgroup, w) })
		}
	})
}

func endedMeanwhile(t *testing.T, cgroup string, w way) {
	s := prepare(t, cgroup)
	log := s.path("talks.log")
	s.configure("" +
		worker("quits", sleeper("exit 7"), "autorestart = false") +
		worker("again", sleeper("exit 7"), "autorestart = true") +
		worker("leaves", `trap 'exit 7' USR1; sleep 1000000 & echo up; wait $!`, "autorestart = false") +
		worker("talks", sleeper(`seq -f "line %%g" 500; exit 7`), "autorestart = false\nstdout_logfile = '"+log+"'") +
		worker("stays", "exec sleep 1000000", ""))
	s.start()
	pid := map[string]int{}
	for _, name := range []string{"quits", "again", "leaves", "talks", "stays"} {
		pid[name] = s.await(name, "is up", in("RUNNING")).PID
	}
	eventually(t, "it listens to signals", func() bool { return len(slurpLines(log, "up")) == 1 })
	for _, name := range []string{"quits", "again", "leaves"} {
		s.ready(name)
	}
	left := children(t, pid["leaves"])
	w.goOn(s, func() {
		for _, name := range []string{"quits", "again", "leaves", "talks"} {
			tellPID(t, pid[name], unix.SIGUSR1)
			awaitEnd(t, pid[name])
		}
	})
	for _, name := range []string{"quits", "leaves", "talks"} {
		st := s.await(name, "has ended", in("EXITED"))
		if r := st.LastReason; st.PID != 0 || st.Run != 1 || st.Restarts != 0 || r.Kind != "unknown" && r.ExitCode != 7 {
			t.Errorf("%s: %+v, %+v", name, st, r)
		}
	}
	again := s.await("again", "runs anew", in("RUNNING"))
	if again.Run != 2 || again.Restarts != 1 || again.PID == pid["again"] {
		t.Errorf("again: %+v", again)
	}
	if st := s.one("stays"); st.PID != pid["stays"] || st.Run != 1 || st.LastReason != nil {
		t.Errorf("stays: %+v", st)
	}
	if len(left) != 1 {
		t.Fatalf("the main process had %d children, want 1", len(left))
	}
	awaitEnd(t, left[0])
	checkLines(t, log, 500)
}

// ready waits until a shell has set its traps: its "up" is in the log, or its child there.
func (s *supervisor) ready(name string) {
	s.t.Helper()
	pid := s.one(name).PID
	eventually(s.t, name+" waits", func() bool { return len(children(s.t, pid)) > 0 })
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	n := strconv.Itoa(pid)
	b, err := os.ReadFile("/proc/" + n + "/task/" + n + "/children")
	if err != nil {
		return nil // it has ended
	}
	return numbers(t, string(b))
}

// checkLines demands "line 1" to "line n" in a log, each once and in order.
func checkLines(t *testing.T, log string, n int) {
	t.Helper()
	eventually(t, "the last line is written", func() bool {
		return slices.Contains(slurpLines(log, "line "), strconv.Itoa(n))
	})
	for i, line := range slurpLines(log, "line ") {
		if line != strconv.Itoa(i+1) {
			t.Fatalf("line %d of the log is %q", i+1, line)
		}
	}
}

// A stop that has begun goes on: the worker is asked again where its first
// signal may have been lost, it has its time, and then it is killed.
func TestTakeoverInAStop(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel() // it is waiting, mostly
				stopInHand(t, cgroup, w)
			})
		}
	})
}

func stopInHand(t *testing.T, cgroup string, w way) {
	const stopWait = 3 * time.Second
	s := prepare(t, cgroup)
	release := s.path("release")
	s.configure("" +
		worker("obeys", `trap 'echo TERM' TERM; echo up; while [ ! -e '`+release+`' ]; do sleep 0.05; done; exit 0`,
			"stopwaitsecs = 1000\nstdout_logfile = '"+s.path("obeys.log")+"'") +
		worker("deaf", `trap 'echo TERM' TERM; echo up; while :; do sleep 0.05; done`,
			"stopwaitsecs = 3\nstdout_logfile = '"+s.path("deaf.log")+"'"))
	s.start()
	names := []string{"obeys", "deaf"}
	for _, name := range names {
		eventually(t, name+" is up", func() bool { return len(slurpLines(s.path(name+".log"), "up")) == 1 })
	}
	asked := time.Now() // before the order: its answer comes after the signal, and after a write to disk
	s.do(control.Order{Verb: "stop", Names: names, NoWait: true})
	for _, name := range names {
		eventually(t, name+" was asked", func() bool { return len(slurpLines(s.path(name+".log"), "TERM")) == 1 })
	}
	pid := s.one("obeys").PID // not before: its first line may be there before the supervisor knows it
	w.goOn(s, nil)
	if st := s.one("obeys"); st.State != "STOPPING" || st.PID != pid {
		t.Errorf("obeys: %+v", st)
	}
	want := 1
	if w.name == crash.name { // nobody knows whether it got the first
		want = 2
	}
	s.await("deaf", "was killed", in("STOPPED"))
	if took := time.Since(asked); took < stopWait {
		t.Errorf("it was killed after %v, and has %v", took, stopWait)
	}
	for _, name := range names {
		if n := len(slurpLines(s.path(name+".log"), "TERM")); n != want {
			t.Errorf("%s was asked %d times, want %d", name, n, want)
		}
	}
	if r := s.one("deaf").LastReason; r.Kind != "stop_timeout" {
		t.Errorf("deaf: %+v", r)
	}
	if st := s.one("obeys"); st.State != "STOPPING" || st.PID != pid {
		t.Errorf("obeys: %+v", st)
	}
	touch(t, release)
	if r := s.await("obeys", "has ended", in("STOPPED")).LastReason; r.Kind != "stopped" || r.Run != 1 ||
		w.name != upgrade.name && r.ExitCode != 0 && r.ExitCode != -1 || w.name == upgrade.name && r.ExitCode != 0 {
		t.Errorf("obeys: %+v", r)
	}
}

// do gives an order that must be taken.
func (s *supervisor) do(o control.Order) []control.Outcome {
	s.t.Helper()
	out, err := s.client.Do(s.t.Context(), o)
	if err != nil {
		s.t.Fatalf("%s: %v", o.Verb, err)
	}
	return out
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Two runs of one instance are two afterwards: the new one goes on, the old
// one is let finish.
func TestTakeoverInAnOverlap(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel() // it is waiting, mostly
				overlapInHand(t, cgroup, w)
			})
		}
	})
}

func overlapInHand(t *testing.T, cgroup string, w way) {
	s := prepare(t, cgroup)
	release := s.path("release")
	s.configure(worker("pair", `trap 'echo TERM $$; asked=1' TERM; echo up $$
while [ -z "$asked" ] || [ ! -e '`+release+`' ]; do sleep 0.05; done; echo bye $$; exit 0`,
		"stopwaitsecs = 1000\nstdout_logfile = '"+s.path("pair.log")+"'\n[programs.pair.recycle]\noverlap = true\nmin_lifetime = 0") + everySecond(s))
	s.start()
	old := s.await("pair", "is up", in("RUNNING")).PID
	eventually(t, "it listens", func() bool { return len(slurpLines(s.path("pair.log"), "up")) == 1 })
	s.do(control.Order{Verb: "recycle", Names: []string{"pair"}, NoWait: true})
	eventually(t, "the old one was asked to go", func() bool { return len(slurpLines(s.path("pair.log"), "TERM")) == 1 })
	fresh := s.one("pair")
	if fresh.PID == old || fresh.Run != 2 {
		t.Fatalf("no overlap: %+v", fresh)
	}
	late := s.await("late", "is up", in("RUNNING")).PID
	s.do(control.Order{Verb: "recycle", Names: []string{"late"}, NoWait: true})
	eventually(t, "its replacement is there", func() bool { return len(slurpLines(s.path("late.log"), "up")) == 2 })
	w.goOn(s, nil)
	if st := s.one("pair"); st.PID != fresh.PID || st.Run != 2 || st.Recycling != fresh.Recycling {
		t.Errorf("before %+v, after %+v", fresh, st)
	}
	if processState(old) == "" {
		t.Error("the old run has ended before it was done")
	}
	touch(t, release)
	awaitEnd(t, old)
	s.await("pair", "the recycle is over", func(st control.Status) bool { return st.Recycles == 1 })
	if st := s.one("pair"); st.PID != fresh.PID || st.State != "RUNNING" || st.LastReason.Kind != "recycled" || st.LastReason.Run != 1 {
		t.Errorf("after the overlap: %+v %+v", st, st.LastReason)
	}
	if n := len(slurpLines(s.path("pair.log"), "up")); n != 2 {
		t.Errorf("%d were started, want 2", n)
	}
	awaitEnd(t, late)
	if st := s.await("late", "the recycle is over", func(st control.Status) bool { return st.Recycles == 1 }); st.Run != 2 || st.State != "RUNNING" {
		t.Errorf("after the late overlap: %+v", st)
	}
	if n := len(slurpLines(s.path("late.log"), "up")); n != 2 {
		t.Errorf("%d were started, want 2", n)
	}
}

// everySecond is a program whose replacement is not up for a second.
func everySecond(s *supervisor) string {
	return "[programs.late]\ncommand = [\"sh\", \"-c\", \"echo up; exec sleep 1000000\"]\nstartsecs = 1\nstdout_logfile = '" + s.path("late.log") +
		"'\n[programs.late.recycle]\noverlap = true\nmin_lifetime = 0\n"
}

// An instance that has to go for a smaller scale, or by an update, has its time
// and its own signal to end its job, whoever is there to see it.
func TestTakeoverInAScaleDown(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				s := prepare(t, cgroup)
				release := s.path("release")
				s.configure(worker("w", `for i in TERM USR2; do trap "echo got $i; asked=1" $i; done; echo up
while [ -z "$asked" ] || [ ! -e '`+release+`' ]; do sleep 0.05; done; echo done; exit 0`,
					"numprocs = 2\nstopsignal = \"USR2\"\nstopwaitsecs = 1000\nstdout_logfile = '"+s.path("w%(process_num)d.log")+"'"))
				s.start()
				var before map[string]int
				eventually(t, "both are up, and known to be", func() bool {
					before = pids(s.status())
					return len(before) == 2 && len(slurpLines(s.path("w0.log"), "up")) == 1 && len(slurpLines(s.path("w1.log"), "up")) == 1
				})
				s.do(control.Order{Verb: "scale", Names: []string{"w"}, Count: 1, NoWait: true})
				eventually(t, "the second was asked", func() bool { return len(slurpLines(s.path("w1.log"), "got USR2")) == 1 })
				w.goOn(s, nil)
				w.goOn(s, nil)
				if st := s.one("w:w_01"); st.State != "STOPPING" || st.PID != before["w:w_01"] {
					t.Errorf("the one that leaves: %+v", st)
				}
				touch(t, release)
				awaitEnd(t, before["w:w_01"])
				eventually(t, "it is gone", func() bool { return len(s.status()) == 1 })
				if log := slurp(s.path("w1.log")); strings.Contains(log, "TERM") || !strings.HasSuffix(log, "done\n") {
					t.Errorf("the log of the one that left:\n%s", log)
				}
				if st := s.status()[0]; st.PID != before["w:w_00"] || st.Run != 1 {
					t.Errorf("the one that stays: %+v", st)
				}
			})
		}
	})
}
