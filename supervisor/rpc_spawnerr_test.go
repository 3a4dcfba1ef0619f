package supervisor

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

func TestSpawnErr(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&spawn.Error{Command: "x", Step: spawn.StepExec, Object: "/bin/x", Err: syscall.ENOENT}, "can't find command 'x'"},
		{&spawn.Error{Command: "/x", Step: spawn.StepExec, Object: "/x", Err: syscall.EACCES}, "command at '/x' is not executable"},
		{&spawn.Error{Command: "x", Step: spawn.StepPrepare, Err: syscall.EMFILE}, "too many open files to spawn 'x'"},
		{&spawn.Error{Command: "x", Step: spawn.StepFork, Err: syscall.EAGAIN}, "Too many processes in process table to spawn 'x'"},
		{&spawn.Error{Command: "x", Step: spawn.StepFork, Err: syscall.ENOMEM}, "unknown error during fork for 'x': cannot allocate memory"},
		{&spawn.Error{Command: "x", Step: spawn.StepChdir, Object: "/d", Err: syscall.ENOENT}, "Exited too quickly (process log may have details)"},
		{errors.New("no room"), "unknown error during spawn: no room"},
	} {
		if got := spawnErr(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

// What supervisord shows of how an instance ended, by state and reason.
func TestHowItEndedInSupervisordsWords(t *testing.T) {
	const quickly = "Exited too quickly (process log may have details)"
	for _, c := range []struct {
		state    string
		reason   *control.Reason
		spawnErr string
		status   int
		plainly  string // "" a time
	}{
		{"STOPPED", nil, "", 0, "Not started"},
		{"STOPPED", &control.Reason{Kind: "stopped", ExitCode: -1}, "", -1, ""},
		{"STOPPED", &control.Reason{Kind: "stopped", ExitCode: 3}, "", 3, ""},
		{"STOPPED", &control.Reason{Kind: "crashed", ExitCode: 3}, quickly, 0, ""}, // stopped out of BACKOFF
		{"EXITED", &control.Reason{Kind: "exited", ExitCode: 0, UptimeSeconds: 9}, "", 0, ""},
		{"EXITED", &control.Reason{Kind: "crashed", ExitCode: 3, UptimeSeconds: 9}, "Bad exit code 3", 3, ""},
		{"EXITED", &control.Reason{Kind: "killed", ExitCode: -1, UptimeSeconds: 9}, "Bad exit code -1", -1, ""},
		{"BACKOFF", &control.Reason{Kind: "crashed", ExitCode: 1}, quickly, 0, quickly},
		{"BACKOFF", &control.Reason{Kind: "crashed", ExitCode: 1, UptimeSeconds: 4}, quickly, 0, quickly},
		{"BACKOFF", &control.Reason{Kind: "crashed", ExitCode: 1, UptimeSeconds: 5}, "Bad exit code 1", 0, "Bad exit code 1"},
		{"FATAL", &control.Reason{Kind: "spawn_failed", SpawnErr: "can't find command 'x'"}, "can't find command 'x'", 0, "can't find command 'x'"},
		{"FATAL", nil, "", 0, `unknown error (try "tail a")`},
		{"RUNNING", &control.Reason{Kind: "crashed", ExitCode: 3}, "", 0, "pid 7, uptime 1 day, 0:00:01"},
		{"STARTING", &control.Reason{Kind: "crashed", ExitCode: 3}, "", 0, ""},
	} {
		s := control.Status{Name: "a", State: c.state, LastReason: c.reason, PID: 7, UptimeSeconds: 86401}
		at := time.Date(2026, 11, 21, 0, 8, 0, 0, time.Local)
		if c.reason != nil {
			s.StartedAt, s.StoppedAt = at, at
		}
		want := c.plainly
		if want == "" && c.state != "STARTING" {
			want = "Nov 21 12:08 AM"
		}
		v := &view{Status: s, startSecs: 5 * time.Second}
		if got := spawnErrOf(s, v); got != c.spawnErr {
			t.Errorf("%s %+v: spawnerr %q, want %q", c.state, c.reason, got, c.spawnErr)
		}
		if got := exitStatusOf(s); got != c.status {
			t.Errorf("%s %+v: exitstatus %d, want %d", c.state, c.reason, got, c.status)
		}
		if got := control.DescribePlainly(s, c.spawnErr); got != want {
			t.Errorf("%s %+v: description %q, want %q", c.state, c.reason, got, want)
		}
	}
}
