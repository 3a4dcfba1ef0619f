package acceptance_test

import (
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// Without cgroups the supervisor looks at memory itself. What leaks is
// recycled, what is over memory_max is killed at the next look, and status
// says that it was not the kernel who did it.
func TestSampling(t *testing.T) {
	quick := []string{"GROW_STEP=4194304", "GROW_PAUSE=20000"}
	s := serve(t, "off", `
[programs.leak]
`+ownProgram(t, "grow", append(quick, "GROW_TO=134217728", "GROW_AFTER=2")...)+`
startsecs = 0
stdout_logfile = "none"
[programs.leak.limits]
memory_max = "512M"
[programs.leak.recycle]
max_memory = "96M"
min_lifetime = "0s"

[programs.balloon]
`+ownProgram(t, "grow", append(quick, "GROW_TO=201326592", "GROW_DEAF=1")...)+`
startsecs = 0
stdout_logfile = "none"
[programs.balloon.limits]
memory_max = "128M"
`)
	s.events.await(t, "a recycle", first(endedAs("recycled")))
	s.events.await(t, "an OOM kill", first(endedAs("oom_killed")))
	s.ctl("stop", "all")

	all := s.events.events()
	recycle := pick(all, endedAs("recycled"))[0]
	if recycle.Name != "leak" || recycle.Reason.Detail != "max_memory" || recycle.Reason.ExitCode != 0 {
		t.Errorf("the recycle was of %s, %q, exit code %d; want leak, max_memory, 0", recycle.Name, recycle.Reason.Detail, recycle.Reason.ExitCode)
	}
	kill := pick(all, endedAs("oom_killed"))[0]
	if kill.Name != "balloon" || kill.Reason.Signal != "SIGKILL" || !strings.Contains(kill.Reason.Detail, "memory_max 128M, found by sampling") {
		t.Errorf("the kill was of %s, %s, %q", kill.Name, kill.Reason.Signal, kill.Reason.Detail)
	}
	for _, want := range []struct{ kind, name, text string }{
		{"tripwire", "leak", "told by sampling"},
		{"over_limit", "balloon", "told by sampling"},
	} {
		if len(pick(all, func(e control.Event) bool {
			return e.Kind == want.kind && e.Name == want.name && strings.Contains(e.Message, want.text)
		})) == 0 {
			t.Errorf("no event %q of %s that says %q", want.kind, want.name, want.text)
		}
	}
	for _, st := range s.status() {
		if st.Enforced != "sampling" || st.State != "STOPPED" || st.PID != 0 {
			t.Errorf("%s: enforced by %q, %s, pid %d; want sampling, STOPPED, 0", st.Name, st.Enforced, st.State, st.PID)
		}
	}
	if out, _, _ := s.run("status"); !strings.Contains(out, "kept by sampling") {
		t.Errorf("ctl status does not tell who holds the limits:\n%s", out)
	}
	if out := s.ctl("why", "balloon"); !strings.Contains(out, "found by sampling") {
		t.Errorf("ctl why:\n%s", out)
	}
}
