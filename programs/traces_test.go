package programs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/traces")

// TestTraces tells stories: what happens to an instance stands at the left
// margin of a trace, what Step makes of it is indented below. With -update the
// indented lines are written anew; read the difference.
//
// As in the loop, no event may come after a deadline that was not ticked.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/traces/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d traces, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := retell(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compareLines(t, got, string(want))
		})
	}
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, a, b)
		}
	}
}

// retell gives a trace's events to Step and returns the trace with its answers.
func retell(t *testing.T, trace string) string {
	t.Helper()
	var out strings.Builder
	var p Policy
	var s State
	var draw float64
	now := time.Duration(0)
	for line := range strings.Lines(trace) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(line, " ") {
			continue // an answer
		}
		out.WriteString(strings.TrimRight(line, "\n") + "\n")
		words := strings.Fields(text)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case words[0] == "policy":
			p, draw = tracePolicy(t, words[1:])
			continue
		}
		at := traceTime(t, words[0])
		if due, ok := s.Deadline(p); ok && due > now && due < at {
			t.Fatalf("%q: the deadline at %v was not ticked", text, shown(due))
		}
		now = at
		next, acts := Step(p, s, Moment{At: at, Draw: draw}, traceEvent(t, words[1:]))
		answer(&out, p, now, s, next, acts)
		s = next
	}
	return out.String()
}

// traceTime reads the time since the story's beginning; moments are never 0.
func traceTime(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d + 1
}

func shown(at time.Duration) string { return (at - 1).String() }

func tracePolicy(t *testing.T, words []string) (p Policy, draw float64) {
	p = Policy{StartRetries: -1}
	span := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	codes := func(s string) (out []int) {
		for c := range strings.SplitSeq(s, ",") {
			out = append(out, number(t, c))
		}
		return out
	}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "autorestart":
			p.AutoRestart = map[string]AutoRestart{"unexpected": RestartUnexpected, "true": RestartAlways, "false": RestartNever}[value]
		case "startsecs":
			p.StartWait = span(value)
		case "startretries":
			p.StartRetries = number(t, value)
		case "exitcodes":
			p.ExitCodes = codes(value)
		case "recycle_exitcodes":
			p.RecycleCodes = codes(value)
		case "notify":
			p.NeedReady = true
		case "self_kill":
			p.SelfKill = true
		case "counts_jobs":
			p.CountsJobs = true
		case "stopwaitsecs":
			p.StopWait = span(value)
		case "leftoverwaitsecs":
			p.LeftoverWait = span(value)
		case "max_jobs":
			p.MaxJobs = number(t, value)
		case "min_lifetime":
			p.MinLifetime = span(value)
		case "draw":
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			draw = f
		default:
			t.Fatalf("unknown policy %q", w)
		}
	}
	return p, draw
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// traceEvent reads `exited 1 code=12 left`, `jobs 1 3`, `admit overlap` and so on.
func traceEvent(t *testing.T, words []string) Event {
	has := func(w string) bool {
		for _, x := range words[1:] {
			if x == w {
				return true
			}
		}
		return false
	}
	run := func() uint64 { return uint64(number(t, words[1])) }
	switch words[0] {
	case "start":
		return Start{}
	case "stop":
		return Stop{Now: has("now")}
	case "restart":
		return Restart{}
	case "recycle":
		return RecycleNow{Why: Requested}
	case "admit":
		return Admit{Overlap: has("overlap")}
	case "spawned":
		return Spawned{run()}
	case "spawn_failed":
		return SpawnFailed{run()}
	case "ready":
		return Ready{run()}
	case "jobs":
		return JobsDone{run(), number(t, words[2])}
	case "crossed":
		return Crossed{run()}
	case "unwell":
		well, err := time.ParseDuration(words[2])
		if err != nil {
			t.Fatal(err)
		}
		return Unwell{run(), well}
	case "exited":
		return MainExited{Run: run(), Exit: traceExit(t, words[2:]), Left: has("left")}
	case "emptied":
		return Emptied{run()}
	case "tick":
		return Tick{}
	}
	t.Fatalf("unknown event %q", words)
	return nil
}

func traceExit(t *testing.T, words []string) (x Exit) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "code":
			x.Code = number(t, value)
		case "signal":
			x.Code, x.Signal = -1, number(t, value)
		case "oom":
			x.OOM = map[string]OOM{"own": OwnOOM, "program": ProgramOOM, "host": HostOOM}[value]
		}
	}
	return x
}

// answer writes what Step said, under its event.
func answer(out *strings.Builder, p Policy, now time.Duration, old, s State, acts []Action) {
	line := func(what, format string, args ...any) {
		text := fmt.Sprintf("          %-6s %s", what, fmt.Sprintf(format, args...))
		out.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	for _, a := range acts {
		line("do", "%s", traceAction(a))
	}
	if s.Last != old.Last {
		line("end", "run %d %s", s.Last.Run, reasonText(s.Last))
	}
	if s == old {
		line("same", "")
		return
	}
	text := fmt.Sprintf("%-9s %s", s.Public(), runText(s.Cur))
	if s.Side.Live() {
		text += "; beside it " + runText(s.Side)
	}
	if s.Due != NoWhy {
		text += fmt.Sprintf("; due: %s", s.Due)
	}
	if s.Slot {
		text += "; holds a slot"
	}
	if at, ok := s.Deadline(p); ok && at > now { // one that has passed waits for its turn
		text += fmt.Sprintf("; deadline %s", shown(at))
	}
	line("state", "%s", text)
}

func traceAction(a Action) string {
	switch a := a.(type) {
	case Spawn:
		return fmt.Sprintf("spawn %d", a.Run)
	case SignalStop:
		return fmt.Sprintf("stop signal to %d", a.Run)
	case SignalRest:
		return fmt.Sprintf("TERM to the rest of %d", a.Run)
	case Kill:
		return fmt.Sprintf("kill %d", a.Run)
	case Lift:
		return fmt.Sprintf("lift memory.high of %d", a.Run)
	case Release:
		return fmt.Sprintf("release %d", a.Run)
	}
	return fmt.Sprintf("unknown action %T", a)
}

func runText(r Run) string {
	if !r.Live() {
		return "no run"
	}
	phase := [...]string{"", "spawning", "starting", "running", "stopping", "killing", "leftovers"}[r.Phase]
	text := fmt.Sprintf("run %d %s", r.N, phase)
	if r.Jobs > 0 {
		text += fmt.Sprintf(", %d jobs", r.Jobs)
	}
	if r.Outgrew {
		text += ", outgrew"
	}
	return text
}

func reasonText(r Reason) string {
	text := r.Kind.String()
	if r.Why != NoWhy {
		text += " (" + r.Why.String() + ")"
	}
	switch {
	case r.Exit.Signal != 0:
		text += fmt.Sprintf(", signal %d", r.Exit.Signal)
	case r.Exit.Code >= 0:
		text += fmt.Sprintf(", exit code %d", r.Exit.Code)
	}
	return text + fmt.Sprintf(", lived %v, %d jobs", r.Lived, r.Jobs)
}
