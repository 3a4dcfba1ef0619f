package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"bulkhead/supervisor/control"
)

// say prints one line of output.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// complain prints an error.
func (a *app) complain(err error) { fmt.Fprintf(a.err, "bulkhead: %v\n", err) }

// note prints something the user should know that is no error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "bulkhead: "+format+"\n", args...)
}

// json prints a value indented.
func (a *app) json(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode JSON: %v", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// listed makes an empty list of none, so that JSON says [] and not null.
func listed[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// lines prints supervisorctl's three columns, in one write.
func (a *app) lines(all []control.Line) {
	names := make([]string, len(all))
	width := 30
	for i := range all {
		names[i] = all[i].FullName()
		width = max(width, utf8.RuneCountInString(names[i]))
	}
	var b bytes.Buffer
	for i := range all {
		pad(&b, names[i], width+3)
		pad(&b, all[i].State, 10)
		b.WriteString(clean(all[i].Description) + "\n")
	}
	if b.Len() > 0 {
		_, _ = a.out.Write(b.Bytes())
	}
}

// pad writes text and blanks up to width.
func pad(b *bytes.Buffer, text string, width int) {
	b.WriteString(text)
	for range width - utf8.RuneCountInString(text) {
		b.WriteByte(' ')
	}
}

// enforcement says in one line that the kernel does not hold the limits.
func (a *app) enforcement(all []control.Line, why string) {
	worst := "kernel"
	for _, s := range all {
		if s.Enforced == "none" || s.Enforced == "sampling" && worst == "kernel" {
			worst = s.Enforced
		}
	}
	switch {
	case worst == "sampling" && why != "":
		a.note("%s (memory_max is kept by sampling)", clean(why))
	case worst == "sampling":
		a.note("memory_max is kept by sampling, not by the kernel")
	case worst == "none" && why != "":
		a.note("%s", clean(why))
	case worst == "none":
		a.note("memory limits are not held")
	}
}

// done are the words of success, should a server not say its own.
var done = map[string]string{
	"start": "started", "stop": "stopped", "restart": "restarted", "recycle": "recycled", "signal": "signalled",
	"pause": "paused", "resume": "resumed", "scale": "scaled", "profile": "switched", "clear": "cleared", "update": "updated process group",
	"upgrade": "upgraded",
}

// faultWords are supervisorctl's words for a fault, in parentheses.
var faultWords = map[control.Fault]string{
	control.BadName:             "no such process",
	control.BadGroup:            "no such group",
	control.BadSignal:           "bad signal name",
	control.BadArguments:        "bad arguments",
	control.NoFile:              "no such file",
	control.NotExecutable:       "file is not executable",
	control.Failed:              "failed",
	control.AbnormalTermination: "abnormal termination",
	control.SpawnError:          "spawn error",
	control.AlreadyStarted:      "already started",
	control.NotRunning:          "not running",
	control.ShuttingDown:        "shutting down",
}

// outcomes prints one line each. What supervisorctl's words leave out goes to
// standard error.
func (a *app) outcomes(verb string, all []control.Outcome) {
	for _, o := range all {
		line := outcomeLine(verb, o)
		a.say("%s", line)
		if d := clean(o.Detail); o.Fault != control.NoFault && !strings.Contains(line, d) {
			a.note("%s: %s", o.Name, d)
		}
	}
}

func outcomeLine(verb string, o control.Outcome) string {
	detail := clean(o.Detail)
	switch {
	case o.Fault == control.NoFault && o.Done != "":
		return o.Name + ": " + clean(o.Done)
	case o.Fault == control.NoFault:
		return o.Name + ": " + done[verb]
	case verb == "update" && (o.Fault == control.BadGroup || o.Fault == control.BadName):
		return "ERROR: no such group: " + o.Name
	case verb == "update" && o.Fault == control.Failed:
		return o.Name + ": has problems; not removing"
	case o.Fault == control.Failed && detail != "" && (verb == "stop" || verb == "signal"):
		return detail // supervisorctl prints the fault's own text here
	case (o.Fault == control.Failed || o.Fault == control.BadArguments) && detail != "":
		return fmt.Sprintf("%s: ERROR (%s)", o.Name, detail)
	}
	words, ok := faultWords[o.Fault]
	if !ok {
		words = strings.ToLower(strings.ReplaceAll(string(o.Fault), "_", " "))
	}
	return fmt.Sprintf("%s: ERROR (%s)", o.Name, words)
}

// orderError prints the refusal of a whole order in supervisorctl's way, and
// says whether it knew how.
func (a *app) orderError(verb string, err error) (code int, ok bool) {
	var e *control.Error
	if !errors.As(err, &e) {
		return exitGeneric, false
	}
	switch {
	case e.Fault == control.ShuttingDown && (verb == "shutdown" || verb == "update"):
		a.say("ERROR: already shutting down")
		if verb == "shutdown" {
			return exitOK, true
		}
	case e.Fault == control.ShuttingDown && verb == "reread":
		a.say("ERROR: supervisor shutting down")
	case e.Fault == control.ShuttingDown:
		a.say("ERROR: shutting down")
	case e.Fault == control.CantReread:
		a.say("ERROR: CANT_REREAD: %s", e.Message)
	default:
		a.say("ERROR: %s", e)
	}
	return exitGeneric, true
}

// tailError prints why there is no log to show.
func (a *app) tailError(name string, f control.Fault) {
	words := "unknown error reading log"
	switch f {
	case control.NoFile:
		words = "no log file"
	case control.BadName, control.BadGroup:
		words = "no such process name"
	}
	a.say("%s: ERROR (%s)", name, words)
}

// changes prints the answer to reread.
func (a *app) changes(c control.Changes) {
	words := map[string]string{}
	for _, set := range []struct {
		names []string
		word  string
	}{{c.Added, "available"}, {c.Changed, "changed"}, {c.Removed, "disappeared"}} {
		for _, n := range set.names {
			words[n] = set.word
		}
	}
	for _, n := range slices.Sorted(maps.Keys(words)) {
		a.say("%s: %s", n, words[n])
	}
	if len(words) == 0 {
		a.say("No config updates to processes")
	}
}

// event prints one event as a line.
func (a *app) event(e control.Event) {
	who := "bulkhead"
	if e.Name != "" {
		who = e.Name
	}
	a.say("%s %s: %s", e.At.Local().Format("2006-01-02 15:04:05.000"), who, clean(e.Message))
}

// history prints why the runs of one instance ended.
func (a *app) history(h control.History) {
	a.lines([]control.Line{h.Status.Line()})
	if len(h.Reasons) == 0 {
		a.say("  no run has ended yet")
	}
	for _, r := range h.Reasons {
		words, detail := story(r)
		a.say("  %s  run %d  %s", r.At.Local().Format("2006-01-02 15:04:05"), r.Run, words)
		if detail != "" {
			a.say("      %s", detail)
		}
		if r.Kind != "spawn_failed" { // which never ran
			a.say("      %s", runNumbers(r))
		}
	}
}

// story is a reason in words, and its detail as far as that says more.
func story(r control.Reason) (words, detail string) {
	words, detail = clean(r.Words()), clean(r.Detail)
	kind, short, ok := strings.Cut(words, ": ")
	more, begins := strings.CutPrefix(detail, words+", ")
	switch {
	case strings.Contains(words, detail):
		return words, ""
	case begins: // "job timeout", "job timeout, job in hand: …"
		return words, more
	case ok && strings.HasPrefix(detail, short): // "exit code 1", "exit code 1 before startsecs"
		return kind + ": " + detail, ""
	}
	return words, detail
}

// runNumbers says how long a run was, what it held and what it did.
func runNumbers(r control.Reason) string {
	parts := []string{"ran " + control.Timedelta(r.UptimeSeconds)}
	if r.MemoryPeakBytes > 0 {
		parts = append(parts, "peak "+control.Size(r.MemoryPeakBytes))
	}
	switch {
	case r.JobsDone == 1:
		parts = append(parts, "1 job done")
	case r.JobsDone > 1:
		parts = append(parts, strconv.FormatInt(r.JobsDone, 10)+" jobs done")
	}
	if r.Job != "" && !strings.Contains(r.Detail, r.Job) {
		parts = append(parts, "job in hand "+clean(r.Job))
	}
	return strings.Join(parts, ", ")
}

// table prints rows in aligned columns; the first row is the header.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush() // a.out's error: nobody is left to tell
}

// clean keeps a job's name or a log's text from steering the terminal.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return '�'
		}
		return r
	}, s)
}
