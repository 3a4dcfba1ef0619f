package acceptance_test

import (
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// asked is a worker that says in its log which signal it was asked to end with.
func (s *supervisor) asked(name, keys string) string {
	return worker(name, `for i in TERM USR2 INT; do trap "echo got $i; exit 0" $i; done
echo up; while :; do sleep 0.05; done`, "stdout_logfile = '"+s.path(name+".log")+"'\n"+keys)
}

// A configuration that was changed before the takeover is in force after it, as
// by an update; what runs is ended by the rules that it was started with.
func TestTakeoverToAnotherConfig(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) { toAnotherConfig(t, cgroup, w) })
		}
	})
}

func toAnotherConfig(t *testing.T, cgroup string, w way) {
	s := prepare(t, cgroup)
	s.configure(s.asked("removed", `stopsignal = "USR2"`) + s.asked("changed", `stopsignal = "INT"`) +
		s.asked("kept", "") + s.asked("retuned", "stopwaitsecs = 5"))
	s.start()
	before := map[string]control.Status{}
	for _, name := range []string{"removed", "changed", "kept", "retuned"} {
		before[name] = s.await(name, "is up", in("RUNNING"))
		s.ready(name)
	}
	w.goOn(s, func() {
		s.configure(s.asked("changed", "stopsignal = \"TERM\"\nenvironment = { NEW = \"1\" }") +
			s.asked("kept", "") + s.asked("retuned", "stopwaitsecs = 6") + s.asked("added", ""))
	})
	s.await("added", "is started", in("RUNNING"))
	changed := s.await("changed", "runs anew", func(st control.Status) bool { return st.State == "RUNNING" && st.Run == 2 })
	if r := changed.LastReason; r.Kind != "stopped" || changed.Restarts != 0 {
		t.Errorf("changed: %+v, %+v", changed, r)
	}
	eventually(t, "the removed one is gone", func() bool { return len(s.status()) == 4 })
	for _, name := range []string{"kept", "retuned"} {
		if st := s.one(name); st.PID != before[name].PID || st.Run != 1 {
			t.Errorf("%s: before %+v, after %+v", name, before[name], st)
		}
	}
	for name, want := range map[string]string{"removed": "USR2", "kept": "", "retuned": ""} {
		if got := strings.Join(slurpLines(s.path(name+".log"), "got "), " "); got != want {
			t.Errorf("%s was asked with %q, want %q", name, got, want)
		}
	}
	if state := processState(before["removed"].PID); state != "" && state != "Z" {
		t.Errorf("the removed one's process is in state %q", state)
	}
	s.keeps(w) // it has remembered what it changed
}

// With orphans = "keep" what left the configuration runs on until somebody ends it.
func TestTakeoverKeepsOrphans(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				s := prepare(t, cgroup)
				const keep = "orphans = \"keep\"\n"
				s.configure(keep + s.asked("removed", `stopsignal = "USR2"`) + s.asked("kept", ""))
				s.start()
				pid := s.await("removed", "is up", in("RUNNING")).PID
				s.ready("removed")
				w.goOn(s, func() { s.configure(keep + s.asked("kept", "")) })
				if st := s.one("removed"); st.PID != pid || st.State != "RUNNING" {
					t.Errorf("the orphan: %+v", st)
				}
				s.keeps(w)
				s.ctl("stop", "removed")
				if got := slurpLines(s.path("removed.log"), "got "); len(got) != 1 || got[0] != "USR2" {
					t.Errorf("the orphan was asked with %q, want USR2", got)
				}
			})
		}
	})
}
