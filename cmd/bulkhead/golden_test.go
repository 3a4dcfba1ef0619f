package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

var update = flag.Bool("update", false, "rewrite testdata/golden; only commit what you understand")

// serveFake serves d on a socket until the test ends.
func serveFake(t *testing.T, d control.Daemon) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "b.sock")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(d, nil).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
	return path
}

// transcript runs commands against d and compares what was printed with
// testdata/golden/NAME.txt. In a line, "status x" stands for
// "bulkhead ctl -s unix://SOCKET status x".
func transcript(t *testing.T, name string, d *controltest.Daemon, lines ...string) {
	t.Helper()
	path := serveFake(t, d)
	var got strings.Builder
	for _, line := range lines {
		var out, errw bytes.Buffer
		args := append([]string{"ctl", "-s", "unix://" + path}, strings.Fields(line)...)
		code := run(args, &out, &errw)
		fmt.Fprintf(&got, "$ ctl %s\n%s", line, visible(out.String()))
		if errw.Len() > 0 {
			fmt.Fprintf(&got, "stderr: %s", visible(errw.String()))
		}
		fmt.Fprintf(&got, "exit %d\n\n", code)
	}
	golden(t, name, strings.ReplaceAll(got.String(), path, "/SOCKET"))
}

// visible marks the end of a line that ends in spaces.
func visible(s string) string { return strings.ReplaceAll(s, " \n", " $\n") }

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

const mib = 1 << 20

var noon = time.Date(2026, 11, 20, 22, 8, 59, 0, time.UTC) // 12:08 AM of the 21st in the tests' zone

// hull is a daemon with an instance in every state.
func hull() *controltest.Daemon {
	d := &controltest.Daemon{
		About: control.Info{Version: "1.2.3", PID: 4242, Config: "/etc/bulkhead/bulkhead.toml", State: "RUNNING", Enforced: "kernel"},
	}
	add := func(group, name, program, state string, fill func(*control.Status)) {
		s := control.Status{Group: group, Name: name, Program: program, State: state, StateCode: control.StateCode(state), Enforced: "kernel"}
		if fill != nil {
			fill(&s)
		}
		s.Description = control.Describe(s)
		d.Statuses = append(d.Statuses, s)
	}
	over := func(kind, detail string) func(*control.Status) {
		return func(s *control.Status) {
			s.StartedAt, s.StoppedAt, s.Run = noon.Add(-time.Hour), noon, 3
			s.LastReason = &control.Reason{Kind: kind, Detail: detail, At: noon, Run: 3, ExitCode: 1}
		}
	}
	add("app", "web", "web", "STARTING", nil)
	add("broken", "broken", "broken", "FATAL", over("spawn_failed", "can't find command 'nope'"))
	add("cat", "cat", "cat", "RUNNING", func(s *control.Status) { s.PID, s.UptimeSeconds = 18040, 93784 })
	add("crash", "crash", "crash", "BACKOFF", over("crashed", "exit code 1 before startsecs (1s)"))
	add("done", "done", "done", "EXITED", func(s *control.Status) {
		over("exited", "exit code 0")(s)
		s.LastReason.ExitCode = 0
	})
	add("lost", "lost", "lost", "UNKNOWN", nil)
	add("never", "never", "never", "STOPPED", nil)
	add("queue", "queue_00", "queue", "RUNNING", func(s *control.Status) {
		s.PID, s.UptimeSeconds, s.MemoryBytes, s.MaxMemoryBytes, s.JobsDone, s.MaxJobs = 4711, 600, 84*mib, 192*mib, 120, 500
	})
	add("queue", "queue_01", "queue", "STOPPING", func(s *control.Status) { s.PID, s.Recycling = 4712, "max_memory" })
	add("queue", "queue_02", "queue", "STOPPED", over("stopped", "requested"))
	return d
}

func TestStatusLines(t *testing.T) {
	d := hull()
	transcript(t, "status", d,
		"status", "status all", "status queue:*", "status queue", "status cat web app:web", "status queue:queue_00 cat",
		"status nope", "status nope:*", "status nope cat", "status nope never", "status crash", "status lost",
		"pid", "pid all", "pid cat", "pid cat nope never", "pid queue:*", "pid never",
		"version", "version x",
	)
	long := hull()
	long.Statuses = append(long.Statuses, control.Status{Group: "a-group-with-a-long-name", Name: "ünd-an-instance-with-a-longer-one", State: "RUNNING",
		Description: "pid 1, uptime 0:00:01"})
	transcript(t, "status_long", long, "status")
	empty := &controltest.Daemon{}
	transcript(t, "status_empty", empty, "status", "status --json", "status x", "pid all")
}

func TestStatusSaysWhoEnforces(t *testing.T) {
	for _, mode := range []string{"sampling", "none"} {
		d := hull()
		d.About.Why = "memory limits cannot be held: the memory controller belongs to cgroup v1 here"
		for i := range d.Statuses {
			d.Statuses[i].Enforced = mode
		}
		transcript(t, "status_"+mode, d, "status cat", "status --json nope")
		d.About.Why = ""
		transcript(t, "status_"+mode+"_untold", d, "status cat")
	}
}

func TestOutcomeLines(t *testing.T) {
	d := hull()
	var faults []control.Outcome
	for _, f := range []control.Fault{
		control.NoFault, control.BadName, control.BadGroup, control.BadSignal, control.BadArguments, control.NoFile, control.NotExecutable,
		control.Failed, control.AbnormalTermination, control.SpawnError, control.AlreadyStarted, control.NotRunning, control.ShuttingDown, "A_NEWER_FAULT",
	} {
		faults = append(faults, control.Outcome{Name: "cat", Fault: f}, control.Outcome{Name: "queue:queue_00", Fault: f, Detail: "a detail"})
	}
	d.Answers = map[string][]control.Outcome{}
	for _, verb := range control.Verbs() {
		d.Answers[verb] = faults
	}
	d.Answers["restart"] = []control.Outcome{
		{Name: "queue:queue_00", Done: "stopped"}, {Name: "queue:queue_02", Fault: control.NotRunning},
		{Name: "queue:queue_00", Done: "started"}, {Name: "queue:queue_02", Fault: control.SpawnError},
	}
	transcript(t, "outcomes", d,
		"start cat", "stop cat", "stop --now cat", "restart queue:*", "restart --rolling queue", "recycle queue", "signal HUP cat", "pause queue", "resume queue",
		"scale queue 3", "clear cat", "update", "update cat", "restart --json queue",
	)
	var orders strings.Builder
	for _, o := range d.Orders() {
		fmt.Fprintf(&orders, "%+v\n", o)
	}
	golden(t, "orders", orders.String())
}

func TestUpdateLines(t *testing.T) {
	d := hull()
	d.Changes = control.Changes{Added: []string{"new"}, Changed: []string{"queue"}, Removed: []string{"cat"}}
	d.Answers = map[string][]control.Outcome{"update": {
		{Name: "cat", Done: "stopped"}, {Name: "cat", Done: "removed process group"},
		{Name: "queue", Done: "stopped"}, {Name: "queue", Done: "updated process group"},
		{Name: "new", Done: "added process group"}, {Name: "nope", Fault: control.BadGroup}, {Name: "stuck", Fault: control.Failed},
	}}
	transcript(t, "update", d, "reread", "reread --json", "reread x", "update", "update all")
	same := &controltest.Daemon{}
	transcript(t, "update_nothing", same, "reread", "reread --json", "update", "shutdown", "shutdown x")
	broken := &controltest.Daemon{Errors: map[string]error{
		"reread": &control.Error{Fault: control.CantReread, Message: "bulkhead.toml:3: programs.queue: unknown key \"x\""},
		"update": &control.Error{Fault: control.CantReread, Message: "bulkhead.toml:3: programs.queue: unknown key \"x\""},
	}}
	transcript(t, "update_broken", broken, "reread", "reread --json", "update", "update --json")
	newer := &controltest.Daemon{Answers: map[string][]control.Outcome{"upgrade": {{Name: "bulkhead", Done: "upgraded: 1.2.3 -> 1.3.0 (pid 4242)"}}}}
	transcript(t, "upgrade", newer, "upgrade", "upgrade --json", "upgrade x")
	worse := &controltest.Daemon{Errors: map[string]error{
		"upgrade": &control.Error{Fault: control.Failed, Message: "cannot upgrade: /usr/bin/bulkhead would not start:\nbulkhead.toml:3: unknown key \"x\"\nbulkhead.toml:4: \x1b]0;no\n"},
	}}
	transcript(t, "upgrade_refused", worse, "upgrade", "upgrade --json")
	going := &controltest.Daemon{Errors: map[string]error{}}
	for _, verb := range append(control.Verbs(), "reread") {
		going.Errors[verb] = &control.Error{Fault: control.ShuttingDown, Message: "shutting down"}
	}
	transcript(t, "shutting_down", going, "reread", "update", "upgrade", "shutdown", "start cat")
}

func TestLogLines(t *testing.T) {
	d := hull()
	d.Logs = map[string]string{"cat/stdout": strings.Repeat("0123456789", 200) + "\nthe end", "cat/stderr": "oops\n", "/stdout": "main log\n"}
	transcript(t, "tail", d,
		"tail -10 cat", "tail cat stderr", "tail cat STDERR", "tail never", "tail nope", "maintail", "maintail -4",
		"tail", "tail a b c", "tail cat stdin", "tail -x cat", "tail -1x cat", "maintail x", "maintail a b", "maintail -x",
	)
	transcript(t, "tail_main_missing", &controltest.Daemon{}, "maintail", "maintail -f")
}

func TestWhyLines(t *testing.T) {
	d := hull()
	reasons := []control.Reason{
		{Kind: "recycled", Detail: "max_memory", UptimeSeconds: 600, MemoryPeakBytes: 201 * mib, JobsDone: 120},
		{Kind: "oom_killed", Detail: `memory_max 256M was hit, peak 256M, job in hand: App\Jobs\Balloon, for 1.2s`, ExitCode: -1, Signal: "SIGKILL",
			UptimeSeconds: 93784, MemoryPeakBytes: 256 * mib, JobsDone: 1, Job: `App\Jobs\Balloon`},
		{Kind: "oom_killed", Detail: "over memory_max 256M, found by sampling"},
		{Kind: "host_oom_killed", Detail: "no limit of its own or of its program was hit"},
		{Kind: "killed", Detail: "job timeout, job in hand: App\\Jobs\\Slow\x1b[31m, for 1m0.5s", ExitCode: -1, Signal: "SIGKILL", Job: "App\\Jobs\\Slow\x1b[31m"},
		{Kind: "killed", Detail: "a SIGKILL that neither the kernel's OOM killer nor bulkhead sent"},
		{Kind: "crashed", Detail: "exit code 1 before startsecs (1s)", ExitCode: 1},
		{Kind: "crashed", ExitCode: -1, Signal: "SIGSEGV", Detail: "SIGSEGV (core dumped)"},
		{Kind: "exited", Detail: "exit code 0"},
		{Kind: "stopped", Detail: "requested"},
		{Kind: "stop_timeout", Detail: "did not end within stopwaitsecs (10s)"},
		{Kind: "unhealthy", Detail: "did not say READY=1 in time"},
		{Kind: "spawn_failed", Detail: `cannot change directory to "/srv": no such file or directory`},
	}
	for i := range reasons {
		reasons[i].At, reasons[i].Run = noon.Add(-time.Duration(i)*time.Hour), uint64(len(reasons)-i)
	}
	d.Histories = []control.History{{Status: d.Statuses[7], Reasons: reasons}, {Status: d.Statuses[6]}}
	transcript(t, "why", d, "why", "why queue:queue_00 never nope gone:*", "why --json never", "why --json nope")
}

func TestOOMLines(t *testing.T) {
	d := hull()
	php := control.OOMProcess{PID: 4711, Command: "php", UID: 33, RSS: 44 * mib, Anon: 40 * mib, File: 4 * mib, TotalVM: 200 * mib}
	d.Kills.Kills = []control.OOMKill{
		{At: noon, Boot: "b", Sequence: 900, Victim: control.OOMProcess{PID: 812, Command: "mysqld", UID: 110, RSS: 1900 * mib}, Limit: "host",
			Cgroup: "/system.slice/mysql.service", Invoker: &control.OOMInvoker{PID: 99, Command: "cron", GFP: "0xcc0(GFP_KERNEL)"},
			Holders:  []control.OOMProcess{{PID: 812, Command: "mysqld", RSS: 1900 * mib}, php},
			Pressure: &control.Pressure{Some: 82.5, Full: 61.25}},
		{At: noon.Add(time.Second), Name: "queue:queue_00", Run: 3, Victim: php, Others: []control.OOMProcess{{PID: 4712, Command: "sh\x1b[31m"}}, Whole: true,
			Limit: "memcg", Cgroup: "/bulkhead/programs/queue/queue_00.3", LimitOf: "/bulkhead/programs/queue/queue_00.3", Usage: 50 * mib, Max: 50 * mib,
			Invoker: &control.OOMInvoker{Command: "php"}},
		{At: noon.Add(2 * time.Second), Victim: control.OOMProcess{PID: 5, Command: "evil\x1b[31m", UID: -1}, Limit: "memcg", Whole: true},
		{At: noon.Add(3 * time.Second), Victim: php, Limit: "memcg", Cgroup: "/a/b", LimitOf: "/a", Invoker: &control.OOMInvoker{Command: "kworker", Order: -1}},
		{At: noon.Add(4 * time.Second), Victim: php, Limit: "cpuset"},
		{At: noon.Add(5 * time.Second), Victim: php, Limit: "memory_policy"},
	}
	transcript(t, "oom", d, "oom", "oom -n 1", "oom -n 0", "oom -n 1 --json", "oom x", "oom -n x")
	d = hull()
	d.Kills = control.OOMLog{Why: "OOM kills of others than our programs are not told: cannot read the kernel's log", Lost: 7}
	transcript(t, "oom_unread", d, "oom", "oom --json")
}

func TestEventLines(t *testing.T) {
	d := hull()
	d.Emit(control.Event{At: noon, Kind: "state", Name: "queue:queue_00", From: "STARTING", To: "RUNNING", Message: "is up"})
	d.Emit(control.Event{At: noon.Add(1500 * time.Millisecond), Kind: "supervisor", Message: "shutting down"})
	transcript(t, "events", d, "events", "events --after 1", "events --json", "events x")
}

func TestWrongUse(t *testing.T) {
	transcript(t, "wrong", hull(),
		"start", "stop", "restart", "recycle", "clear", "pause", "resume", "signal", "signal HUP", "scale", "scale queue", "scale queue x", "scale queue 1.5",
		"why", "frobnicate", "frobnicate a b", "status --nope", "start a%b:c:*", "start bad\x01name", "scale queue 99999999",
	)
}

func TestStatusJSON(t *testing.T) {
	d := hull()
	d.Statuses = d.Statuses[7:8]
	d.Statuses[0].LastReason = &control.Reason{Kind: "recycled", Detail: "max_jobs", At: noon, Run: 2}
	transcript(t, "status_json", d, "status --json", "pid --json all", "pid --json queue nope", "version --json")
}
