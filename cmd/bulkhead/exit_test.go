package main

import (
	"bytes"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

// The truth table of facts, from supervisorctl.py 4.2.5
// (set_exitstatus_from_xmlrpc_fault and its callers).
func TestOutcomeCode(t *testing.T) {
	verbs := []string{"start", "stop", "restart", "signal", "recycle", "pause", "scale", "clear", "update", "why"}
	for _, tt := range []struct {
		fault control.Fault
		codes string // one per verb
	}{
		{control.NoFault, "0 0 0 0 0 0 0 0 0 0"},
		{control.BadName, "1 1 1 1 1 1 1 1 1 1"},
		{control.BadGroup, "2 1 2 1 1 1 1 1 1 1"},
		{control.BadSignal, "1 1 1 1 1 1 1 1 1 1"},
		{control.BadArguments, "1 1 1 1 1 1 1 1 1 1"},
		{control.NoFile, "1 1 1 1 1 1 1 1 1 1"},
		{control.NotExecutable, "1 1 1 1 1 1 1 1 1 1"},
		{control.Failed, "1 1 1 1 1 1 1 1 1 1"},
		{control.AbnormalTermination, "7 7 7 7 7 7 7 7 7 7"},
		{control.SpawnError, "7 7 7 7 7 7 7 7 7 7"},
		{control.AlreadyStarted, "0 1 0 1 1 1 1 1 1 1"},
		{control.NotRunning, "7 0 0 7 7 7 7 7 7 7"},
		{control.CantReread, "1 1 1 1 1 1 1 1 1 1"},
		{control.ShuttingDown, "1 1 1 1 1 1 1 1 1 1"},
	} {
		for i, code := range strings.Fields(tt.codes) {
			if got := outcomeCode(verbs[i], tt.fault); got != int(code[0]-'0') {
				t.Errorf("%s %q: exit code %d, want %s", verbs[i], tt.fault, got, code)
			}
		}
	}
}

func TestLastFailureIsTheExitCode(t *testing.T) {
	bad := func(f control.Fault) control.Outcome { return control.Outcome{Fault: f} }
	for _, tt := range []struct {
		all  []control.Outcome
		want int
	}{
		{nil, 0},
		{[]control.Outcome{bad(control.SpawnError), {}}, 7},
		{[]control.Outcome{bad(control.SpawnError), bad(control.BadName)}, 1},
		{[]control.Outcome{bad(control.BadName), bad(control.SpawnError), bad(control.AlreadyStarted)}, 7},
	} {
		if got := outcomesCode("start", tt.all); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.all, got, tt.want)
		}
	}
}

func TestStatusCode(t *testing.T) {
	bad := []control.Outcome{{Fault: control.BadName}}
	for state, want := range map[string]int{
		"STOPPED": 3, "STARTING": 0, "RUNNING": 0, "BACKOFF": 0, "STOPPING": 0, "EXITED": 3, "FATAL": 3, "UNKNOWN": 3,
	} {
		all := []control.Line{{State: "RUNNING"}, {State: state}, {State: "RUNNING"}}
		if got := statusCode(all, nil); got != want {
			t.Errorf("%s: %d, want %d", state, got, want)
		}
		if want == 0 {
			want = 4
		}
		if got := statusCode(all, bad); got != want {
			t.Errorf("%s and an unknown name: %d, want %d", state, got, want)
		}
	}
}

// Outcomes come in the order of the names, so that the last failing one is
// supervisorctl's.
func TestOutcomesAsNamed(t *testing.T) {
	d := &controltest.Daemon{Answers: map[string][]control.Outcome{"start": {
		{Name: "nope", Fault: control.BadName}, {Name: "g", Fault: control.BadGroup},
		{Name: "cat", Fault: control.SpawnError}, {Name: "queue:queue_00"}, {Name: "queue:queue_01"}, {Name: "app:web"},
	}}}
	path := serveFake(t, d)
	for _, tt := range []struct {
		names string
		want  string
		code  int
	}{
		{"cat nope g:* queue:* app:web", "cat nope g queue:queue_00 queue:queue_01 app:web", 2},
		{"queue g: app: nope cat", "queue:queue_00 queue:queue_01 g app:web nope cat", 7},
		{"all cat", "nope g cat queue:queue_00 queue:queue_01 app:web", 7},
	} {
		var out, errw bytes.Buffer
		code := run(append([]string{"ctl", "-s", "unix://" + path, "start"}, strings.Fields(tt.names)...), &out, &errw)
		var got []string
		for line := range strings.Lines(out.String()) {
			name, _, _ := strings.Cut(line, ": ")
			got = append(got, name)
		}
		if strings.Join(got, " ") != tt.want || code != tt.code {
			t.Errorf("start %s:\n got %s, %d\nwant %s, %d", tt.names, strings.Join(got, " "), code, tt.want, tt.code)
		}
	}
}

// Every verb of the protocol has its command.
func TestEveryVerbHasACommand(t *testing.T) {
	commands := (&app{}).ctl()
	for _, verb := range control.Verbs() {
		if cmd, _, err := commands.Find([]string{verb}); err != nil || cmd.Name() != verb {
			t.Errorf("ctl has no command %s", verb)
		}
		if done[verb] == "" && verb != "shutdown" {
			t.Errorf("%s has no word for its success", verb)
		}
	}
}
