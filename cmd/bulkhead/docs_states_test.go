package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
)

// What the names of package programs mean. A name without words, or words
// without a name, fail the test.
var (
	stateWords = map[string]string{
		"STOPPED":  "Stopped by request, or never started. It stays so.",
		"STARTING": "A process is being made, or exists and has not yet run for startsecs (with notify: not yet said READY=1).",
		"RUNNING":  "It runs. During a recycle with overlap it stays RUNNING.",
		"BACKOFF":  "It ended badly; the next start waits.",
		"STOPPING": "It was asked to end, is being killed, or its main process ended and others of its cgroup did not.",
		"EXITED":   "It ended by itself and is not to be started again.",
		"FATAL":    "Given up: more than startretries starts in a row failed.",
		"UNKNOWN":  "Never seen; a name for what a client may not know.",
	}
	kindWords = map[string]string{
		"exited":          "It ended by itself with an exit code of exitcodes.",
		"crashed":         "It ended by itself with another exit code, by a signal, or before it was RUNNING.",
		"recycled":        "A wanted, graceful replacement. Never a failure. The detail says what for.",
		"oom_killed":      "Killed at its own memory_max or its program's. The kernel's own counter says so, or bulkhead did it where the kernel holds no limits.",
		"host_oom_killed": "Killed by the kernel's OOM killer without having hit a limit of its own: the host, or a cgroup above, was out of memory.",
		"killed":          "A SIGKILL that neither the kernel's OOM killer nor bulkhead sent. With preset laravel: the worker's own job timeout.",
		"stopped":         "Stopped or restarted by request: in time, or killed at once because that was asked for.",
		"stop_timeout":    "It did not end within stopwaitsecs and was killed.",
		"unhealthy":       "It ran and did not do its work, as its [health] tells: the detail names the check, its last error and how many in a row. Or, with notify: it did not say READY=1 in time.",
		"unknown":         "It ended while no supervisor ran, or was the child of none, and the kernel does not tell how. It feeds no backoff; a program with autorestart = false is not started again.",
		"gave_way":        "We ended it while the host was short of memory, in good order or, as the cheapest to lose, at once. It comes again when the host is well.",
		"spawn_failed":    "There was no process: the detail names the step that failed, and on what.",
	}
	whyWords = map[string]string{
		"max_jobs":   "It finished as many jobs as were drawn for this run.",
		"max_memory": "Its measure was over max_memory.",
		"max_age":    "It ran as long as was drawn for this run.",
		"requested":  "`ctl recycle` or `ctl restart --rolling`.",
		"host":       "The host is short of memory. Nothing gives this reason yet.",
		"wedged":     "It made no progress at its own memory_high.",
		"own":        "The worker ended itself with a code of recycle_exitcodes.",
	}
)

// statesPage is docs/states.md: what the machine says when it is asked.
func statesPage(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(generated + "# States and reasons\n\n## States\n\nsupervisord's names and codes.\n\n")
	b.WriteString(markdownHead("state", "code", "when"))
	states := map[string]bool{}
	for code := programs.Public(0); code <= programs.UNKNOWN; code++ {
		if name := code.String(); name != "UNKNOWN" || code == programs.UNKNOWN {
			b.WriteString(markdownRow(name, fmt.Sprint(int(code)), words(t, stateWords, name)))
			states[name] = true
		}
	}
	nothingLeft(t, stateWords, states)

	b.WriteString("\n## Reasons\n\nWhy a run ended: `kind` of `last_reason` in `ctl status --json`, and what `ctl why` tells in words.\n\n")
	b.WriteString(markdownHead("reason", "meaning"))
	kinds := map[string]bool{}
	for k := programs.NoKind + 1; named(k); k++ {
		b.WriteString(markdownRow("`"+k.String()+"`", words(t, kindWords, k.String())))
		kinds[k.String()] = true
	}
	nothingLeft(t, kindWords, kinds)

	b.WriteString("\nThe detail of `recycled`:\n\n" + markdownHead("detail", "meaning"))
	whys := map[string]bool{}
	for w := programs.NoWhy + 1; named(w); w++ {
		b.WriteString(markdownRow("`"+w.String()+"`", words(t, whyWords, w.String())))
		whys[w.String()] = true
	}
	nothingLeft(t, whyWords, whys)

	writeEnds(t, &b)
	writeDelays(t, &b)
	return b.String()
}

func words(t *testing.T, all map[string]string, name string) string {
	t.Helper()
	if all[name] == "" {
		t.Errorf("docs have no words for %q", name)
	}
	return all[name]
}

func nothingLeft(t *testing.T, all map[string]string, seen map[string]bool) {
	t.Helper()
	for name := range all {
		if !seen[name] {
			t.Errorf("docs have words for %q, which does not exist", name)
		}
	}
}

// named says that a number of an enumeration has a name.
func named(v fmt.Stringer) (ok bool) {
	defer func() { ok = recover() == nil }()
	_ = v.String() // an array's index out of range for what does not exist
	return true
}

// life is one instance as Step sees it, and the clock it sees.
type life struct {
	p  programs.Policy
	s  programs.State
	at time.Duration
}

func (l *life) step(e programs.Event) {
	l.s, _ = programs.Step(l.p, l.s, programs.Moment{At: l.at}, e)
}

// start brings an instance to STARTING, up from there to RUNNING.
func (l *life) start() {
	l.at += time.Hour
	l.step(programs.Start{})
	l.step(programs.Spawned{Run: l.s.Cur.N})
}

func (l *life) up() {
	l.start()
	l.run()
}

// run lets a run that exists be RUNNING for half a minute.
func (l *life) run() {
	if l.s.Cur.Phase == programs.Spawning {
		l.step(programs.Spawned{Run: l.s.Cur.N})
	}
	l.step(programs.Ready{Run: l.s.Cur.N})
	l.at += 30 * time.Second
	l.step(programs.Tick{})
}

func (l *life) exit(x programs.Exit) {
	l.step(programs.MainExited{Run: l.s.Cur.N, Exit: x})
}

var sigkilled = programs.Exit{Code: -1, Signal: 9}

// ends are the ways a run can end, each with what a run does to get there.
var ends = []struct {
	what string
	do   func(l *life)
}{
	{"exit code 0", func(l *life) { l.up(); l.exit(programs.Exit{Code: 0}) }},
	{"exit code 0 before startsecs", func(l *life) { l.start(); l.exit(programs.Exit{Code: 0}) }},
	{"exit code 12 (Laravel: over --memory)", func(l *life) { l.up(); l.exit(programs.Exit{Code: 12}) }},
	{"exit code 1", func(l *life) { l.up(); l.exit(programs.Exit{Code: 1}) }},
	{"exit code 1 before startsecs", func(l *life) { l.start(); l.exit(programs.Exit{Code: 1}) }},
	{"SIGSEGV", func(l *life) { l.up(); l.exit(programs.Exit{Code: -1, Signal: 11}) }},
	{"SIGKILL from nowhere", func(l *life) { l.up(); l.exit(sigkilled) }},
	{"OOM kill at its own limit", func(l *life) { l.up(); x := sigkilled; x.OOM = programs.OwnOOM; l.exit(x) }},
	{"OOM kill at its program's limit", func(l *life) { l.up(); x := sigkilled; x.OOM = programs.ProgramOOM; l.exit(x) }},
	{"OOM kill by the host", func(l *life) { l.up(); x := sigkilled; x.OOM = programs.HostOOM; l.exit(x) }},
	{"over memory_max where bulkhead samples", func(l *life) { l.up(); l.step(programs.OverLimit{Run: l.s.Cur.N}); l.exit(sigkilled) }},
	{"over max_memory", func(l *life) { l.up(); l.recycle(programs.Crossed{Run: l.s.Cur.N}) }},
	{"max_jobs jobs", func(l *life) {
		l.p.MaxJobs = 1
		l.up()
		l.recycle(programs.JobsDone{Run: l.s.Cur.N, N: 1})
	}},
	{"ctl recycle", func(l *life) { l.up(); l.recycle(programs.RecycleNow{Why: programs.Requested}) }},
	{"ctl stop", func(l *life) { l.up(); l.step(programs.Stop{}); l.exit(programs.Exit{}) }},
	{"ctl stop, not obeyed in time", func(l *life) {
		l.up()
		l.step(programs.Stop{})
		l.at += l.p.StopWait
		l.step(programs.Tick{})
		l.exit(sigkilled)
	}},
	{"ctl stop --now", func(l *life) { l.up(); l.step(programs.Stop{Now: true}); l.exit(sigkilled) }},
	{"ctl restart", func(l *life) { l.up(); l.step(programs.Restart{}); l.exit(programs.Exit{}) }},
	{"no process could be made", func(l *life) {
		l.at = time.Hour
		l.step(programs.Start{})
		l.step(programs.SpawnFailed{Run: l.s.Cur.N})
	}},
}

func (l *life) recycle(e programs.Event) {
	l.step(e)
	l.step(programs.Admit{})
	l.exit(programs.Exit{})
}

// follows is the reason of the last run and what the instance does next.
func (l *life) follows() string {
	reason := "`" + l.s.Last.Kind.String() + "`"
	if l.s.Last.Why != programs.NoWhy {
		reason = "`" + l.s.Last.Kind.String() + ": " + l.s.Last.Why.String() + "`"
	}
	switch state := l.s.Public(); {
	case state == programs.STARTING:
		return reason + ", started again at once"
	case state == programs.BACKOFF:
		return fmt.Sprintf("%s, BACKOFF for %v", reason, l.s.Again-l.at)
	default:
		return reason + ", " + state.String()
	}
}

func writeEnds(t *testing.T, b *strings.Builder) {
	presets := []string{"generic", "laravel"}
	b.WriteString("\n## What follows an end\n\nThe first time it happens to an instance, with the preset's defaults. A run that does not say otherwise\n" +
		"had been RUNNING for half a minute. Only `crashed`, `oom_killed`, `host_oom_killed`, `unhealthy`, `spawn_failed` and, without\nself_kill, `killed` feed the backoff.\n\n")
	b.WriteString(markdownHead(append([]string{"end"}, presets...)...))
	for _, e := range ends {
		row := []string{e.what}
		for _, preset := range presets {
			l := &life{p: policyOf(t, preset)}
			e.do(l)
			row = append(row, l.follows())
		}
		b.WriteString(markdownRow(row...))
	}
}

// policyOf is a preset's policy with everything else at its default.
func policyOf(t *testing.T, preset string) programs.Policy {
	t.Helper()
	file := filepath.Join(t.TempDir(), conf.Name)
	if err := os.WriteFile(file, []byte("[programs.p]\ncommand = \"c\"\npreset = \""+preset+"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, _, err := conf.Read(file, conf.Env{Home: "/root"})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Programs[0]
	restart := map[conf.AutoRestart]programs.AutoRestart{
		conf.RestartAlways: programs.RestartAlways, conf.RestartNever: programs.RestartNever, conf.RestartUnexpected: programs.RestartUnexpected,
	}
	return programs.Policy{
		AutoRestart: restart[p.AutoRestart], StartWait: p.StartSecs, StartRetries: p.StartRetries,
		ExitCodes: p.ExitCodes, RecycleCodes: p.RecycleCodes, SelfKill: p.SelfKill, StopWait: p.StopWait, LeftoverWait: p.LeftoverWait,
		MinLifetime: p.Recycle.MinLifetime, CountsJobs: p.JobFormat != "none",
	}
}

// writeDelays lets an instance crash again and again.
func writeDelays(t *testing.T, b *strings.Builder) {
	b.WriteString("\n## Delays\n\nThe delays after one crash after another, before chance takes up to a fifth away.\n\n")
	b.WriteString(markdownHead("program", "crashes", "delays"))
	crash := func(retries int, up bool) string {
		p := policyOf(t, "generic")
		p.StartRetries = retries
		l := &life{p: p}
		l.start()
		var out []string
		for range 10 {
			if up {
				l.run()
			}
			l.exit(programs.Exit{Code: 1})
			switch l.s.Public() {
			case programs.BACKOFF:
				out = append(out, (l.s.Again - l.at).String())
				l.at = l.s.Again
				l.step(programs.Tick{})
			case programs.FATAL:
				return strings.Join(append(out, "FATAL"), ", ")
			default:
				out = append(out, "at once")
			}
			l.step(programs.Spawned{Run: l.s.Cur.N})
		}
		return strings.Join(out, ", ") + ", …"
	}
	b.WriteString(markdownRow("without startretries", "after half a minute of RUNNING", crash(-1, true)))
	b.WriteString(markdownRow("without startretries", "before startsecs", crash(-1, false)))
	b.WriteString(markdownRow("startretries = 3", "after half a minute of RUNNING", crash(3, true)))
	b.WriteString(markdownRow("startretries = 3", "before startsecs", crash(3, false)))
	b.WriteString("\nA minute of running makes earlier crashes forgotten. A worker that recycles itself without having finished a job is\nstarted at most once a second.\n")
}
