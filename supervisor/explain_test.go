package supervisor

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// TestDetail is the truth table of what users read about an end.
func TestDetail(t *testing.T) {
	const m = 1 << 20
	exit := func(code int) programs.Exit { return programs.Exit{Code: code} }
	signal := func(n int) programs.Exit { return programs.Exit{Code: -1, Signal: n} }
	oom := func(o programs.OOM) programs.Exit { return programs.Exit{Code: -1, Signal: 9, OOM: o} }
	job := words{job: `App\Jobs\Resize`, jobFor: 1234567 * time.Microsecond, peak: 250 * m}
	const inHand = `, job in hand: App\Jobs\Resize, for 1.235s`
	for _, tt := range []struct {
		name     string
		reason   programs.Reason
		left     words
		selfKill bool
		want     string
	}{
		{"own recycle, exit 0", programs.Reason{Kind: programs.KindRecycled, Why: programs.Own, Exit: exit(0)}, words{}, true, "own (exit code 0)"},
		{"own recycle, --memory", programs.Reason{Kind: programs.KindRecycled, Why: programs.Own, Exit: exit(12)}, words{}, true, "own (exit code 12: the worker's --memory)"},
		{"max_jobs", programs.Reason{Kind: programs.KindRecycled, Why: programs.MaxJobs}, words{}, true, "max_jobs"},
		{"max_memory", programs.Reason{Kind: programs.KindRecycled, Why: programs.MaxMemory}, words{}, true, "max_memory"},
		{"max_age", programs.Reason{Kind: programs.KindRecycled, Why: programs.MaxAge}, words{}, true, "max_age"},
		{"requested", programs.Reason{Kind: programs.KindRecycled, Why: programs.Requested}, words{}, true, "requested"},
		{"wedged", programs.Reason{Kind: programs.KindRecycled, Why: programs.Wedged}, words{}, true, "wedged"},

		{"its own limit", programs.Reason{Kind: programs.KindOOMKilled, Exit: oom(programs.OwnOOM)}, words{peak: 250 * m}, true,
			"memory_max 256M was hit, peak 250M"},
		{"its own limit, in a job", programs.Reason{Kind: programs.KindOOMKilled, Exit: oom(programs.OwnOOM)}, job, true,
			"memory_max 256M was hit, peak 250M" + inHand},
		{"its program's limit", programs.Reason{Kind: programs.KindOOMKilled, Exit: oom(programs.ProgramOOM)}, words{}, true,
			"the program's total memory_max 1G was hit"},
		{"by sampling", programs.Reason{Kind: programs.KindOOMKilled, Asked: programs.AskedLimit, Exit: signal(9)}, words{}, true,
			"over memory_max 256M, found by sampling"},
		{"the host's", programs.Reason{Kind: programs.KindHostOOMKilled, Exit: oom(programs.HostOOM)}, words{}, true,
			"no limit of its own or of its program was hit: the host, or a cgroup above, was out of memory"},

		{"a worker's SIGKILL", programs.Reason{Kind: programs.KindKilled, Exit: signal(9)}, words{}, true, "job timeout"},
		{"a service's SIGKILL", programs.Reason{Kind: programs.KindKilled, Exit: signal(9)}, words{}, false,
			"a SIGKILL that neither the kernel's OOM killer nor bulkhead sent"},
		{"a service's SIGKILL, in a job", programs.Reason{Kind: programs.KindKilled, Exit: signal(9)}, job, false,
			"a SIGKILL that neither the kernel's OOM killer nor bulkhead sent" + inHand},

		{"crashed when it was up", programs.Reason{Kind: programs.KindCrashed, Up: true, Exit: exit(255)}, words{}, true, "exit code 255"},
		{"crashed in a job", programs.Reason{Kind: programs.KindCrashed, Up: true, Exit: exit(255)}, job, true, "exit code 255" + inHand},
		{"crashed at once", programs.Reason{Kind: programs.KindCrashed, Exit: exit(1)}, words{}, true, "exit code 1 before startsecs (3s)"},
		{"crashed by a signal", programs.Reason{Kind: programs.KindCrashed, Exit: signal(11)}, words{}, true, "SIGSEGV"},
		{"with a core", programs.Reason{Kind: programs.KindCrashed, Up: true, Exit: programs.Exit{Code: -1, Signal: 6, Core: true}}, words{}, true, "SIGABRT (core dumped)"},
		{"exited", programs.Reason{Kind: programs.KindExited, Up: true, Exit: exit(2)}, job, true, "exit code 2"},

		{"stopped", programs.Reason{Kind: programs.KindStopped, Asked: programs.AskedStop}, job, true, "requested"},
		{"restarted", programs.Reason{Kind: programs.KindStopped, Asked: programs.AskedRestart}, job, true, "restart"},
		{"not in time", programs.Reason{Kind: programs.KindStopTimeout, Asked: programs.AskedStop, Exit: signal(9)}, words{}, true, "did not end within stopwaitsecs (1m30s)"},
		{"not in time, in a job", programs.Reason{Kind: programs.KindStopTimeout, Asked: programs.AskedRecycle, Exit: signal(9)}, job, true,
			"did not end within stopwaitsecs (1m30s)" + inHand},
		{"never ready", programs.Reason{Kind: programs.KindUnhealthy}, words{}, true, "did not say READY=1 in time"},
		{"no process", programs.Reason{Kind: programs.KindSpawnFailed}, words{}, true, `cannot start "php": chdir to "/srv": no such file or directory`},
	} {
		p := &conf.Program{StartSecs: 3 * time.Second, StopWait: 90 * time.Second, SelfKill: tt.selfKill,
			Limits: conf.Limits{MemoryMax: 256 * m}, Total: conf.Limits{MemoryMax: 1 << 30}}
		f := &runFacts{last: tt.left, failure: errors.New(`cannot start "php": chdir to "/srv": no such file or directory`)}
		if got := explain(tt.reason, f, p, time.Now()).Detail; got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// Every kind has words of its own: a new one must not be left out.
func TestEveryKindIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for k := programs.KindExited; k <= programs.KindUnknown; k++ {
		r := explain(programs.Reason{Kind: k, Exit: programs.Exit{Code: 1}}, &runFacts{failure: errors.New("no")}, &conf.Program{}, time.Now())
		if r.Kind == "" || seen[r.Kind] {
			t.Errorf("kind %d is called %q", k, r.Kind)
		}
		if r.Detail == "" && k != programs.KindRecycled { // that one says its Why
			t.Errorf("%s has no detail", r.Kind)
		}
		seen[r.Kind] = true
	}
}

func TestExplainNumbers(t *testing.T) {
	at := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	got := explain(programs.Reason{Run: 7, Kind: programs.KindCrashed, Up: true, Exit: programs.Exit{Code: -1, Signal: 11},
		Lived: 12*time.Second + 900*time.Millisecond, Jobs: 3, At: 5},
		&runFacts{last: words{peak: 1234, job: "A", jobFor: time.Second}}, &conf.Program{}, at)
	want := control.Reason{Kind: "crashed", Detail: "SIGSEGV, job in hand: A, for 1s", At: at, Run: 7, ExitCode: -1, Signal: "SIGSEGV",
		UptimeSeconds: 12, MemoryPeakBytes: 1234, JobsDone: 3, Job: "A"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
