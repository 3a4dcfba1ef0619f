package control

import (
	"testing"
	"time"
)

func TestDescribe(t *testing.T) {
	zone := time.Local
	time.Local = time.FixedZone("test", 2*3600)
	defer func() { time.Local = zone }()
	began := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
	ended := time.Date(2026, 11, 20, 22, 8, 59, 0, time.UTC) // 12:08 AM of the next day, local
	crash := &Reason{Kind: "crashed", ExitCode: 1, UptimeSeconds: 90, At: ended}
	const mib = 1 << 20
	for _, tt := range []struct {
		name string
		s    Status
		want string
	}{
		{"running, nothing known", Status{State: "RUNNING", PID: 18040, UptimeSeconds: 9}, "pid 18040, uptime 0:00:09"},
		{"the line of the design", Status{State: "RUNNING", PID: 4711, UptimeSeconds: 600, MemoryBytes: 84 * mib,
			MaxMemoryBytes: 192 * mib, JobsDone: 120, MaxJobs: 500}, "pid 4711, uptime 0:10:00, mem 84M/192M, jobs 120/500"},
		{"no line", Status{State: "RUNNING", PID: 1, MemoryBytes: 84 * mib, JobsDone: 3}, "pid 1, uptime 0:00:00, mem 84M, jobs 3"},
		{"line, no reading yet", Status{State: "RUNNING", PID: 1, MaxMemoryBytes: 192 * mib, MaxJobs: 5}, "pid 1, uptime 0:00:00, mem 0B/192M, jobs 0/5"},
		{"a limit is not a line", Status{State: "RUNNING", PID: 1, MemoryBytes: mib, MemoryMaxBytes: 256 * mib}, "pid 1, uptime 0:00:00, mem 1M"},
		{"marks", Status{State: "RUNNING", PID: 1, Paused: true, Recycling: "max_memory"}, "pid 1, uptime 0:00:00, paused, recycling: max_memory"},
		{"clock set back", Status{State: "RUNNING", PID: 1, UptimeSeconds: -5}, "pid 1, uptime 0:00:00"},
		{"starting", Status{State: "STARTING", PID: 1}, ""},
		{"it fails", Status{State: "RUNNING", PID: 1, Health: "failing 2/3: connection refused"}, "pid 1, uptime 0:00:00, failing 2/3: connection refused"},
		{"it is well", Status{State: "RUNNING", PID: 1, Health: "healthy"}, "pid 1, uptime 0:00:00"},
		{"it starts", Status{State: "RUNNING", PID: 1, Health: "starting: connection refused"}, "pid 1, uptime 0:00:00"},
		{"stopping", Status{State: "STOPPING", PID: 1, Recycling: "max_jobs"}, "recycling: max_jobs"},
		{"unknown", Status{State: "UNKNOWN", PID: 1, MemoryBytes: mib}, ""},
		{"never", Status{State: "STOPPED"}, "Not started"},
		{"stopped", Status{State: "STOPPED", StartedAt: began, StoppedAt: ended, LastReason: &Reason{Kind: "stopped"}}, "Nov 21 12:08 AM"},
		{"stopped the hard way", Status{State: "STOPPED", StartedAt: began, StoppedAt: ended, LastReason: &Reason{Kind: "stop_timeout"}},
			"Nov 21 12:08 AM, killed: did not stop in time"},
		{"exited", Status{State: "EXITED", StartedAt: began, StoppedAt: ended, LastReason: &Reason{Kind: "exited"}}, "Nov 21 12:08 AM, exited: exit code 0"},
		{"crashed", Status{State: "EXITED", StartedAt: began, StoppedAt: ended, LastReason: crash}, "Nov 21 12:08 AM, crashed: exit code 1"},
		{"time from the reason", Status{State: "EXITED", StartedAt: began, LastReason: crash}, "Nov 21 12:08 AM, crashed: exit code 1"},
		{"no reason", Status{State: "EXITED", StartedAt: began, StoppedAt: ended}, "Nov 21 12:08 AM"},
		{"fatal, unknown", Status{Name: "a_00", Group: "a", State: "FATAL"}, `unknown error (try "tail a_00")`},
		{"fatal, spawn", Status{State: "FATAL", LastReason: &Reason{Kind: "spawn_failed", Detail: "can't find command 'x'"}}, "can't find command 'x'"},
		{"backoff, spawn, no detail", Status{State: "BACKOFF", LastReason: &Reason{Kind: "spawn_failed"}}, "could not be started"},
		{"fatal, at once", Status{State: "FATAL", LastReason: &Reason{Kind: "crashed", ExitCode: -1, Signal: "SIGSEGV"}},
			"Exited too quickly (process log may have details), crashed: SIGSEGV"},
		{"backoff, later", Status{State: "BACKOFF", LastReason: crash}, "crashed: exit code 1"},
		{"backoff, oom", Status{State: "BACKOFF", LastReason: &Reason{Kind: "oom_killed"}},
			"killed by the kernel: out of memory in its own compartment"},
	} {
		if got := Describe(tt.s); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	seen := map[string]string{}
	for _, tt := range []struct {
		r    Reason
		want string
	}{
		{Reason{Kind: "exited"}, "exited: exit code 0"},
		{Reason{Kind: "crashed", ExitCode: 255}, "crashed: exit code 255"},
		{Reason{Kind: "crashed", ExitCode: -1, Signal: "SIGSEGV"}, "crashed: SIGSEGV"},
		{Reason{Kind: "recycled", Detail: "max_memory"}, "recycled: max_memory"},
		{Reason{Kind: "recycled"}, "recycled"},
		{Reason{Kind: "oom_killed", Detail: "php"}, "killed by the kernel: out of memory in its own compartment"},
		{Reason{Kind: "oom_killed", Detail: "over memory_max 1M, found by sampling"}, "killed by bulkhead: over memory_max"},
		{Reason{Kind: "host_oom_killed"}, "killed by the kernel: the host was out of memory"},
		{Reason{Kind: "killed", Detail: "job timeout: App\\Jobs\\Slow"}, "job timeout"},
		{Reason{Kind: "killed", Detail: "by pid 1"}, "killed: SIGKILL from outside"},
		{Reason{Kind: "stopped"}, "stopped"},
		{Reason{Kind: "stop_timeout"}, "killed: did not stop in time"},
		{Reason{Kind: "unhealthy", Detail: "no READY=1 in 10s"}, "unhealthy: no READY=1 in 10s"},
		{Reason{Kind: "spawn_failed", Detail: "chdir"}, "could not be started: chdir"},
		{Reason{Kind: "a newer kind"}, "a newer kind"},
	} {
		got := tt.r.Words()
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%q says both %q and %q", got, other, tt.r.Kind)
		}
		seen[got] = tt.r.Kind
	}
}

// The values are those of Python's str(datetime.timedelta(seconds=n)).
func TestTimedelta(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0:00:00", 0: "0:00:00", 9: "0:00:09", 600: "0:10:00", 3599: "0:59:59", 36000: "10:00:00", 86399: "23:59:59",
		86400: "1 day, 0:00:00", 93784: "1 day, 2:03:04", 180184: "2 days, 2:03:04", 86400 * 1000: "1000 days, 0:00:00",
	} {
		if got := Timedelta(n); got != want {
			t.Errorf("Timedelta(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0B", 0: "0B", 1023: "1023B", 1024: "1K", 1536: "2K", 700 << 10: "700K", 1<<20 - 1: "1M", 1 << 20: "1M",
		3 << 19: "1.5M", 10475274: "10M", 84 << 20: "84M", 1<<30 - 1: "1G", 1 << 30: "1G", 3 << 29: "1.5G",
		28 << 30: "28G", 5 << 40: "5T", 2048 << 40: "2048T",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestStates(t *testing.T) {
	stopped := map[string]bool{"STOPPED": true, "EXITED": true, "FATAL": true, "UNKNOWN": true}
	for state, code := range stateCodes {
		if StateCode(state) != code || IsStopped(state) != stopped[state] {
			t.Errorf("%s: code %d, stopped %v", state, StateCode(state), IsStopped(state))
		}
	}
	if StateCode("nonsense") != 1000 {
		t.Errorf("nonsense has code %d", StateCode("nonsense"))
	}
}
