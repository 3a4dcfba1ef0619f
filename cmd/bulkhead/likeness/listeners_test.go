package likeness_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestListeners runs listeners that follow the protocol, crash, never answer,
// answer FAIL, and answer nonsense, and two that do what superlance's do. The
// script gets on only if none of them holds another one up.
func TestListeners(t *testing.T) {
	t.Parallel()
	steps := script(t, "listeners/script.txt")
	a, b := both(t, "listeners", steps, (*daemon).heard)
	known := differences(t)
	mustBeAlike(t, known, "listeners", ours(t).name, a, b)
	known.mustBeUsed(t, "listeners")
}

var aboutProcess = regexp.MustCompile(`processname:(\S+)`)

// heard is what each listener noted: its events in their order, but for those
// of processes, whose order among each other is nobody's promise.
func (d *daemon) heard() []fact {
	d.t.Helper()
	files, err := filepath.Glob(d.path("out/*"))
	if err != nil || len(files) == 0 {
		d.t.Fatalf("nobody heard anything: %v", err)
	}
	var all []fact
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, ".times") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			d.t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(d.mask(string(text))), "\n")
		switch name {
		case "memmon": // as many as there were ticks
			lines = lines[:1]
		case "crashmail":
			slices.Sort(lines)
		}
		for i, line := range lines {
			all = append(all, d.event(name, i, line))
		}
	}
	slices.SortFunc(all, func(x, y fact) int { return strings.Compare(x.at+x.said, y.at+y.said) })
	return all
}

// event is a line of listener.py as a fact, any other line as it is. The number
// of an event in its pool and its length count only where the order is sure
// and its text has no process id.
func (d *daemon) event(listener string, i int, line string) fact {
	var header map[string]string
	var payload string
	if json.Unmarshal([]byte(line), &[]any{&header, &payload}) != nil {
		return fact{fmt.Sprintf("%s, line %d", listener, i+1), line}
	}
	at := fmt.Sprintf("%s hears %s, number %s", listener, header["eventname"], header["poolserial"])
	if m := aboutProcess.FindStringSubmatch(payload); m != nil || listener == "follows" {
		delete(header, "poolserial")
		delete(header, "len")
		at = fmt.Sprintf("%s hears %s", listener, header["eventname"])
		if m != nil {
			at += " of " + m[1]
		}
	}
	return fact{at, fmt.Sprintf("%v %q", header, d.mask(payload))}
}
