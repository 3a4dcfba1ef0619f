package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead/supervisor/control"
)

func ready(name string, run uint64, pid int) control.Event {
	return control.Event{Kind: "ready", Name: name, Run: run, PID: pid}
}

func ended(name string, run uint64, kind, detail string) control.Event {
	return control.Event{Kind: "ended", Name: name, Run: run, PID: 7, Reason: &control.Reason{Kind: kind, Detail: detail, JobsDone: 3}}
}

func crossing(name string, run uint64, by string) control.Event {
	return control.Event{Kind: "tripwire", Name: name, Run: run, Message: "over max_memory: 33M of 32M, told by " + by}
}

// good is a show in which everything happens.
var good = []control.Event{
	ready("report", 1, 1), ready("mail:mail_00", 1, 2), ready("import:import_00", 1, 3), ready("import:import_01", 1, 4),
	crossing("report", 1, "the kernel's tripwire"), ready("report", 2, 5), ended("report", 1, "recycled", "max_memory"),
	ended("mail:mail_00", 1, "recycled", "max_jobs"),
	ended("import:import_01", 1, "oom_killed", "memory_max 48M was hit, peak 48M"), ready("import:import_01", 2, 6),
}

func statuses() []control.Status {
	return []control.Status{
		{Name: "import_00", Group: "import", Program: "import", State: "RUNNING", Run: 1, PID: 3, UptimeSeconds: 9},
		{Name: "import_01", Group: "import", Program: "import", State: "RUNNING", Run: 2, PID: 6},
		{Name: "report", Group: "report", Program: "report", State: "RUNNING", Run: 2, PID: 5},
	}
}

// TestVerdict takes one fact after the other away from a good show: each is missed.
func TestVerdict(t *testing.T) {
	drop := func(i ...int) []control.Event {
		var out []control.Event
		for n, e := range good {
			if !slices.Contains(i, n) {
				out = append(out, e)
			}
		}
		return out
	}
	with := func(e control.Event) []control.Event { return append(drop(), e) }
	for _, c := range []struct {
		name     string
		events   []control.Event
		spoil    func([]control.Status)
		missing  string
		complete bool
	}{
		{"all", good, nil, "", true},
		{"no line was crossed", drop(4), nil, "a worker recycled at its memory line", false},
		{"the crossing run never ended", drop(6), nil, "a worker recycled at its memory line", false},
		{"no OOM", drop(8), nil, "a worker OOM-killed in its own compartment", false},
		{"the victim is not back", drop(9), nil, "", false},
		{"no max_jobs", drop(7), nil, "a worker recycled after max_jobs", false},
		{"a neighbour crashed", with(ended("mail:mail_00", 2, "crashed", "")), nil, "nothing else ended", true},
		{"the report was OOM-killed", with(ended("report", 2, "oom_killed", "memory_max")), nil, "nothing else ended", true},
		{"both importers were killed", with(ended("import:import_00", 1, "oom_killed", "memory_max")), nil, "a worker OOM-killed in its own compartment", true},
		{"the sibling was restarted", good, func(s []control.Status) { s[0].Run = 2 }, "its neighbours went on", true},
		{"the sibling is down", good, func(s []control.Status) { s[0].State = "BACKOFF" }, "its neighbours went on", true},
		{"the sibling is another process", good, func(s []control.Status) { s[0].PID = 99 }, "its neighbours went on", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVerdict()
			for _, e := range c.events {
				v.note(e)
			}
			all := statuses()
			if c.spoil != nil {
				c.spoil(all)
			}
			if v.complete() != c.complete {
				t.Errorf("complete: %v", v.complete())
			}
			missed := map[string]bool{}
			for _, f := range v.findings(all) {
				if !f.held {
					missed[f.what] = true
				}
			}
			if c.missing == "" && len(missed) > 0 || c.missing != "" && !missed[c.missing] {
				t.Errorf("missing %v, want %q", missed, c.missing)
			}
		})
	}
}

// TestTelling reads what each kind of event becomes.
func TestTelling(t *testing.T) {
	dir := t.TempDir()
	log := jobLine(time.Now(), `App\Jobs\A 7/1`, "RUNNING") + "\n" + jobLine(time.Now(), `App\Jobs\A 7/1`, "8.00ms DONE") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "report.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		kernel bool
		ending bool
		event  control.Event
		want   string
	}{
		{"start", true, false, ready("report", 1, 5), "report up, pid 5"},
		{"replacement", true, false, ready("report", 2, 5), "report its replacement is up, pid 5 (run 2)"},
		{"wire", true, false, crossing("report", 1, "the kernel's tripwire"), "report over max_memory: 33M of 32M by: the kernel's tripwire (memory.high at max_memory)"},
		{"sampled where the kernel could have told", true, false, crossing("report", 1, "sampling"), "report over max_memory: 33M of 32M by: sampling"},
		{"sampled", false, false, crossing("report", 1, "sampling"), "report over max_memory: 33M of 32M by: sampling (why not the kernel: see above)"},
		{"recycled", true, false, ended("report", 1, "recycled", "max_memory"),
			`report recycled: max_memory after 3 jobs and 0 s; its log ends with App\Jobs\A 7/1 DONE by: bulkhead: replacement first, then SIGTERM and the worker's own exit`},
		{"killed by the kernel", true, false, ended("import:import_01", 1, "oom_killed", "memory_max 48M was hit"),
			"import_01 killed by the kernel: memory_max 48M was hit by: the kernel, memory.max of this one cgroup (its memory.events count an oom_kill)"},
		{"killed by us", false, false, ended("import:import_01", 1, "oom_killed", "over memory_max 48M, found by sampling"),
			"import_01 killed by bulkhead: over memory_max 48M, found by sampling by: sampling; bulkhead killed this one instance (why not the kernel: see above)"},
		{"crashed", true, false, ended("report", 1, "crashed", "x"), "report crashed: exit code 0 after 3 jobs and 0 s (x)"},
		{"trouble", true, false, control.Event{Kind: "trouble", Message: "cannot do it"}, "bulkhead cannot do it"},
		{"stopped at the end", true, true, ended("report", 1, "stopped", ""), ""},
		{"no news", true, false, control.Event{Kind: "state", Name: "report"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := &story{paper: &paper{out: &out, width: 80}, place: place{dir}, kernel: c.kernel, ending: c.ending, verdict: newVerdict()}
			c.event.At = s.began.Add(1500 * time.Millisecond)
			s.event(c.event)
			got := strings.TrimPrefix(strings.Join(strings.Fields(out.String()), " "), "1.5s ")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for line := range strings.Lines(out.String()) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
					t.Errorf("%d columns: %q", n, line)
				}
			}
		})
	}
}

func TestJobLog(t *testing.T) {
	at := time.Now()
	l := parseJobLog(strings.Join([]string{
		jobLine(at, `A 7/1`, "RUNNING"), jobLine(at, `A 8/1`, "RUNNING"), jobLine(at, `A 7/1`, "8.00ms DONE"),
		jobLine(at, `A 7/2`, "RUNNING"), "panic: no job line DONE", "", jobLine(at, `A 77/1`, "RUNNING"),
	}, "\n"))
	if diff := cmp.Diff([]string{"A 8/1", "A 7/2", "A 77/1"}, l.cut()); diff != "" {
		t.Error(diff)
	}
	for pid, want := range map[int]string{7: "A 7/2", 77: "A 77/1", 9: ""} {
		if got := l.last(pid); got != want {
			t.Errorf("last of %d: %q, want %q", pid, got, want)
		}
	}
}

// TestJobsFinding: only the job that was killed may be missing.
func TestJobsFinding(t *testing.T) {
	at := time.Now()
	whole := jobLine(at, "A 7/1", "RUNNING") + "\n" + jobLine(at, "A 7/1", "8.00ms DONE") + "\n"
	torn := whole + jobLine(at, "A 7/2", "RUNNING") + "\n"
	for _, c := range []struct {
		name, mail, imports string
		kills               int
		held                bool
	}{
		{"as it should be", whole, torn, 1, true},
		{"nothing was killed", whole, whole, 0, true},
		{"an import is missing", whole, torn, 0, false},
		{"a killed job was finished", whole, whole, 1, false},
		{"a mail is missing", torn, torn, 1, false},
		{"no mail at all", "", torn, 1, false},
	} {
		p := place{t.TempDir()}
		for name, text := range map[string]string{"mail": c.mail, "import": c.imports} {
			if err := os.WriteFile(p.jobLog(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		v := &verdict{kills: c.kills}
		if f := v.jobsFinding(p, []program{{name: "mail"}, {name: "import"}}); f.held != c.held {
			t.Errorf("%s: held %v: %s", c.name, f.held, f.how)
		}
	}
	if f := newVerdict().jobsFinding(place{t.TempDir()}, []program{{name: "mail"}}); f.held {
		t.Error("held without any log")
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"a b c", 3, []string{"a b", "c"}},
		{"abcdef gh", 3, []string{"abcdef", "gh"}},
		{"äö üß", 5, []string{"äö üß"}},
	} {
		if diff := cmp.Diff(c.want, wrap(c.text, c.width)); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
}

// TestEvidence wants all that a verdict was made of, be it of interest or not.
func TestEvidence(t *testing.T) {
	var out strings.Builder
	sh := &show{paper: &paper{out: &out, width: 80}, verdict: newVerdict()}
	for _, e := range append(slices.Clone(good), ended("import:import_00", 1, "stopped", "requested")) {
		if e.Reason != nil {
			e.Message = e.Reason.Words()
		}
		sh.verdict.note(e)
	}
	sh.evidence(statuses())
	for _, want := range []string{"report run 1 pid 1 ready", "import:import_00 run 1 pid 7 ended: stopped", "import:import_01 RUNNING run 2 pid 6"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not in the evidence: %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// TestForget leaves nothing that a second supervisor would go on with.
func TestForget(t *testing.T) {
	p := place{t.TempDir()}
	for range 2 { // the second time there is nothing
		if err := p.forget(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.state()); !os.IsNotExist(err) {
			t.Errorf("the state is still there: %v", err)
		}
		if err := os.MkdirAll(p.state()+"/deep", 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
