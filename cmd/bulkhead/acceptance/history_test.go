package acceptance_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"bulkhead/cmd/bulkhead/doctor"
	"bulkhead/supervisor/history"
)

// What the supervisor writes down of memory goes on over a crash and an upgrade, and
// doctor reads it.
func TestHistory(t *testing.T) { recorded(t, "off") }

func recorded(t *testing.T, cgroup string) {
	const holds = 64 << 20
	s := serve(t, cgroup, worker("idle", "exec sleep 1000000", "numprocs = 3\nlimits.memory_max = '64M'")+`
[programs.holds]
`+ownProgram(t, "grow", "GROW_STEP=8388608", "GROW_PAUSE=20000", "GROW_TO=67108864")+`
startsecs = 0
stdout_logfile = "none"
`)
	s.awaitAll("idle", 3)
	s.await("holds", "is up", in("RUNNING"))
	s.readings(1)
	crash.goOn(s, nil)
	s.readings(2)
	upgrade.goOn(s, nil)
	last := s.readings(3)[2]
	want := map[string]history.Program{"idle": {Instances: 3, Runs: 3, MemoryMax: 64 << 20}, "holds": {Instances: 1, Runs: 1}}
	for name, w := range want {
		got := last.Programs[name]
		if got.Sum < got.Most || got.Most <= 0 || name == "holds" && (got.Most < holds || got.Most > 2*holds) {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Sum, got.Most, got.Swap = 0, 0, 0; got != w {
			t.Errorf("%s: %+v, want %+v", name, got, w)
		}
	}
	if m := last.Memory; m.Total < 1<<20 || m.Available < 1<<20 || m.Available > m.Total || m.SwapFree > m.SwapTotal {
		t.Errorf("%+v", m)
	}
	s.end()
	log, err := history.Read(s.dir)
	if err != nil || log.Bad > 0 {
		t.Fatalf("%d bad lines, %s, %v", log.Bad, log.Why, err)
	}
	var marks []history.Mark
	for _, l := range log.Lines {
		if l.Mark != "" {
			marks = append(marks, l.Mark)
		}
	}
	if want := []history.Mark{history.Start, history.Start, history.Upgrade, history.Stop}; !slices.Equal(marks, want) {
		t.Errorf("marks %q, want %q", marks, want)
	}
	s.diagnosed(len(log.Lines) - len(marks))
}

// readings waits until so many readings are written, and returns them all.
func (s *supervisor) readings(n int) (all []history.Line) {
	s.t.Helper()
	eventually(s.t, "readings of the history", func() bool {
		log, _ := history.Read(s.dir) // it may not be there yet
		all = slices.DeleteFunc(log.Lines, func(l history.Line) bool { return l.Memory == nil })
		return len(all) >= n
	})
	return all
}

// diagnosed asks doctor of that history.
func (s *supervisor) diagnosed(readings int) {
	s.t.Helper()
	out, err := exec.Command(s.bin, "doctor", "--history", s.dir, "--json").Output() // the code depends on this host
	var d doctor.PastDocument
	if bad := json.Unmarshal(out, &d); bad != nil {
		s.t.Fatalf("%v, %v:\n%s", err, bad, out)
	}
	var breaks []doctor.Why
	for _, b := range d.Breaks {
		breaks = append(breaks, b.Why)
	}
	if want := []doctor.Why{doctor.Died, doctor.Upgraded}; !slices.Equal(breaks, want) || d.Readings != readings || d.Unread != 0 {
		s.t.Errorf("breaks %q, %d readings of %d, %d lines unread", breaks, d.Readings, readings, d.Unread)
	}
	var rules []string
	for _, f := range d.Findings {
		rules = append(rules, f.Rule)
	}
	if !slices.Contains(rules, "supervisor-died") || !slices.Contains(rules, "program-unlimited") {
		s.t.Errorf("found %q", rules)
	}
	if i := slices.IndexFunc(d.Programs, func(p doctor.PastProgramLine) bool { return p.Name == "holds" }); i < 0 || d.Programs[i].Largest < 64<<20 {
		s.t.Errorf("programs: %+v", d.Programs)
	}
}
