package acceptance_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// everyState is a program for everything that there is to be kept.
func everyState(t *testing.T) string {
	return `
[programs.plain]
command   = "sleep 1000000"
numprocs  = 2
startsecs = 0
[programs.counts]
command     = ["sh", "-c", "echo done; echo done; echo done; exec sleep 1000000"]
job_pattern = "^done"
startsecs   = 0
[programs.counts.recycle]
max_jobs = 5000
jitter   = "50%"
[programs.young]
command   = "sleep 1000000"
startsecs = 1000
[programs.victim]
command   = "sleep 1000000"
startsecs = 0
[programs.recycled]
command   = "sleep 1000000"
startsecs = 0
[programs.recycled.recycle]
min_lifetime = "0s"
[programs.paused]
command       = "sleep 1000000"
pause_signal  = "STOP"
resume_signal = "CONT"
startsecs     = 0
[programs.scaled]
command   = "sleep 1000000"
startsecs = 0
[programs.stopped]
command   = "sleep 1000000"
startsecs = 0
[programs.never]
command   = "sleep 1000000"
autostart = false
[programs.exited]
command     = ["sh", "-c", "exit 3"]
autorestart = false
startsecs   = 0
[programs.fatal]
command      = ["sh", "-c", "exit 1"]
startsecs    = 1000
startretries = 0
[programs.missing]
command      = "/nonexistent/worker"
startretries = 0
[programs.balloon]
` + ownProgram(t, "grow", "GROW_STEP=8388608", "GROW_PAUSE=1000", "GROW_TO=67108864", "GROW_DEAF=1") + `
autorestart = false
startsecs   = 0
[programs.balloon.limits]
memory_max = "32M"
`
}

// reachEveryState has something to be kept in every one of them.
func reachEveryState(s *supervisor) {
	t := s.t
	t.Helper()
	s.await("victim", "is up", in("RUNNING"))
	for range 2 {
		run := s.one("victim").Run
		if err := syscall.Kill(s.one("victim").PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.await("victim", "is up again", func(st control.Status) bool { return st.State == "RUNNING" && st.Run > run })
	}
	s.ctl("recycle", "recycled")
	s.ctl("pause", "paused")
	s.ctl("scale", "scaled", "3")
	s.ctl("stop", "stopped")
	s.await("counts", "has counted", func(st control.Status) bool { return st.JobsDone == 3 })
	s.await("exited", "has ended", in("EXITED"))
	s.await("fatal", "was given up", in("FATAL"))
	s.await("missing", "was given up", in("FATAL"))
	s.await("balloon", "was killed", in("EXITED"))
	s.await("recycled", "is new", func(st control.Status) bool { return st.State == "RUNNING" && st.Run == 2 })
}

// Whatever way the supervisor ends, and however often, the programs and what is
// told of them are as they were.
func TestTakeoverKeepsEverything(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		keepsEverything(t, cgroup, append(slices.Clone(ways), crash, crash, upgrade, crash, leave, upgrade))
	})
}

func keepsEverything(t *testing.T, cgroup string, ways []way) {
	s := serve(t, cgroup, everyState(t))
	reachEveryState(s)
	for _, want := range []struct {
		name string
		ok   func(control.Status) bool
	}{
		{"victim", func(st control.Status) bool { return st.Restarts == 2 && st.LastReason.Kind == "killed" }},
		{"recycled", func(st control.Status) bool { return st.Recycles == 1 && st.LastReason.Kind == "recycled" }},
		{"balloon", func(st control.Status) bool { return st.OOMKills == 1 && st.LastReason.Kind == "oom_killed" }},
		{"paused", func(st control.Status) bool { return st.Paused }},
		{"counts", func(st control.Status) bool { return st.MaxJobs >= 2500 && st.MaxJobs <= 5000 }},
		{"young", in("STARTING")},
		{"exited", func(st control.Status) bool { return st.LastReason.ExitCode == 3 }},
	} {
		if st := s.one(want.name); !want.ok(st) {
			t.Errorf("before: %+v, %+v", st, st.LastReason)
		}
	}
	for _, w := range ways {
		s.keeps(w)
	}
	if n := len(s.status("scaled:*")); n != 3 {
		t.Errorf("scaled to 3, and there are %d", n)
	}
	thaw(s)
	s.ctl("start", "stopped", "never")
	s.ctl("scale", "scaled", "1")
	s.ctl("stop", "all")
	for _, st := range s.status() {
		if st.PID != 0 || !slices.Contains([]string{"STOPPED", "EXITED", "FATAL"}, st.State) {
			t.Errorf("after a stop of all: %+v", st)
		}
	}
	s.keeps(crash)
}

// thaw resumes the paused worker, which must be one until then.
func thaw(s *supervisor) {
	s.t.Helper()
	pid := s.one("paused").PID
	if state := processState(pid); state != "T" {
		s.t.Errorf("the paused worker is in state %q, want T", state)
	}
	s.ctl("resume", "paused")
	eventually(s.t, "the worker goes on", func() bool { return processState(pid) == "S" })
	if st := s.one("paused"); st.PID != pid || st.Paused {
		s.t.Errorf("after resume: %+v", st)
	}
}

// An instance in BACKOFF is started when it would have been, not before and not
// never.
func TestTakeoverInBackoff(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel() // it is waiting, mostly
				s := serve(t, cgroup, `
[programs.bad]
command   = ["sh", "-c", "exit 1"]
startsecs = 1000
`)
				second := s.await("bad", "waits after its second start", func(st control.Status) bool { return st.State == "BACKOFF" && st.Run == 2 })
				s.keeps(w)
				third := s.await("bad", "has ended once more", func(st control.Status) bool { return st.LastReason.Run == 3 })
				// 2 s, of which chance takes a fifth at most.
				if waited := third.StartedAt.Sub(second.StoppedAt); waited < 1600*time.Millisecond {
					t.Errorf("it waited %v, want 1.6 s at least", waited)
				}
				if third.Restarts < second.Restarts || len(s.account()["bad:bad"]["reasons"].([]any)) < 2 {
					t.Errorf("before %+v, after %+v", second, third)
				}
			})
		}
	})
}
