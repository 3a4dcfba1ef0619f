package likeness_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// step is one line of a script, as testdata/session.py takes it.
type step struct {
	line string

	Kind   string            `json:"kind"`
	Args   []string          `json:"args,omitempty"`
	Method string            `json:"method,omitempty"`
	Params []any             `json:"params,omitempty"`
	Path   string            `json:"path,omitempty"`
	From   string            `json:"from,omitempty"`
	Name   string            `json:"name,omitempty"`
	Text   *string           `json:"text,omitempty"`
	States map[string]string `json:"states,omitempty"`
}

// result is what came of a step.
type result struct {
	Stuck string      `json:"stuck"`
	Out   string      `json:"out"`
	Err   string      `json:"err"`
	Code  int         `json:"code"`
	Facts [][2]string `json:"facts"`
}

// script reads a script. Its lines are, # being a comment,
//
//	ctl ARG...                supervisorctl with these arguments
//	follow "TEXT" ARG...      the same, interrupted once it has printed the text
//	shell LINE ; LINE...      the interactive supervisorctl, lines typed in
//	rpc METHOD [PARAMS]       a call by Python's XML-RPC, parameters in JSON
//	raw XML                   a body of a call as it is
//	fetch METHOD PATH ["TEXT"]  an HTTP request; a stream is read until the text
//	wait NAME=STATE...        until processes are in these states
//	until FILE TEXT           until a file holds a text
//	lines FILE NUMBER         until a file has so many lines
//	copy FROM TO, remove FILE files in the daemon's folder
//	kill NAME SIGNAL          a signal that does not come from the daemon
//	deaf NAME                 until a process ignores SIGTERM
func script(t *testing.T, file string) []step {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var all []step
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			t.Fatalf("%s:%d: %q: %v", file, i+1, line, err)
		}
		all = append(all, s)
	}
	return all
}

var quoted = regexp.MustCompile(`^"([^"]*)"\s*(.*)$`)

func parseStep(line string) (step, error) {
	kind, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	s := step{line: line, Kind: kind}
	words := strings.Fields(rest)
	want := func(n int) error {
		if len(words) < n {
			return fmt.Errorf("want %d words", n)
		}
		return nil
	}
	switch kind {
	case "ctl":
		s.Args = words
	case "follow":
		m := quoted.FindStringSubmatch(rest)
		if m == nil {
			return s, fmt.Errorf(`want a text in "quotes"`)
		}
		s.Text, s.Args = &m[1], strings.Fields(m[2])
	case "shell":
		for l := range strings.SplitSeq(rest, ";") {
			s.Args = append(s.Args, strings.TrimSpace(l))
		}
	case "rpc":
		method, params, _ := strings.Cut(rest, " ")
		if !strings.Contains(method, ".") {
			method = "supervisor." + method
		}
		s.Method, s.Params = method, []any{}
		if params != "" {
			dec := json.NewDecoder(strings.NewReader(params))
			dec.UseNumber()
			return s, dec.Decode(&s.Params)
		}
	case "raw":
		s.Kind, s.Text = "rpc", &rest
	case "fetch":
		if err := want(2); err != nil {
			return s, err
		}
		s.Method, s.Path = words[0], words[1]
		if m := quoted.FindStringSubmatch(strings.Join(words[2:], " ")); m != nil {
			s.Text = &m[1]
		}
	case "wait":
		s.States = map[string]string{}
		for _, w := range words {
			name, state, ok := strings.Cut(w, "=")
			if !ok {
				return s, fmt.Errorf("want NAME=STATE, not %q", w)
			}
			s.States[name] = state
		}
	case "until", "lines":
		file, text, _ := strings.Cut(rest, " ")
		s.Path, s.Text = file, &text
	case "copy":
		if err := want(2); err != nil {
			return s, err
		}
		s.From, s.Path = words[0], words[1]
	case "deaf":
		s.Name = rest
	case "remove":
		s.Path = rest
	case "kill":
		if err := want(2); err != nil {
			return s, err
		}
		s.Name, s.Text = words[0], &words[1]
	default:
		return s, fmt.Errorf("unknown kind of step %q", kind)
	}
	return s, nil
}

// compared reports whether what comes of the step is.
func (s step) compared() bool {
	return slices.Contains([]string{"ctl", "follow", "shell", "rpc", "fetch"}, s.Kind)
}

// client is a supervisorctl: a command and what is always among its arguments.
type client []string

// supervisorctl is that of a side.
func (s side) supervisorctl() client {
	path := filepath.Join(s.folder, "supervisorctl")
	if real, err := filepath.EvalSymlinks(path); err == nil && real == debian {
		path = real // by this name session.py need not execute it
	}
	return client{path}
}

// debian is supervisorctl as the package has it.
const debian = "/usr/bin/supervisorctl"

// play plays a script to the daemon and returns what it showed.
func (d *daemon) play(c client, steps []step) []fact {
	d.t.Helper()
	in, err := json.Marshal(map[string]any{
		"server": d.path("sock"),
		"client": append(slices.Clone(c), "-c", d.path("supervisord.conf")),
		"steps":  steps,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	session, err := filepath.Abs("testdata/session.py")
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", session)
	cmd.Dir = d.dir
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = d.t.Output()
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "COLUMNS=80", "HOME="+d.dir)
	text, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("this test needs Debian's package supervisor: %v", err)
	}
	var results []result
	if err := json.Unmarshal(text, &results); err != nil {
		d.t.Fatalf("cannot read the session's results: %v: %s", err, text)
	}
	var facts []fact
	for i, r := range results {
		if r.Stuck != "" {
			d.t.Fatalf("%s with %q is stuck at %q: %s", d.side.name, c, steps[i].line, r.Stuck)
		}
		facts = append(facts, d.facts(steps[i], r)...)
	}
	return facts
}

// facts are what a step showed, masked.
func (d *daemon) facts(s step, r result) []fact {
	switch {
	case !s.compared():
		return nil
	case s.Kind == "rpc" || s.Kind == "fetch":
		var all []fact
		for _, f := range r.Facts {
			if s.Path == "/mainlogtail" && f[0] == " body" {
				continue // the log has a test of its own
			}
			all = append(all, fact{s.line + f[0], d.maskValue(s, f[0], f[1])})
		}
		return all
	}
	if s.Kind == "follow" { // what else it says depends on where it is interrupted
		return []fact{{s.line, fmt.Sprintf("exit %d\n%s", r.Code, strings.TrimSpace(d.maskOutput(s, r.Out)))}}
	}
	all := []fact{{s.line, fmt.Sprintf("exit %d\n%s", r.Code, d.maskOutput(s, r.Out))}}
	if said := d.mask(r.Err); said != "" {
		all = append(all, fact{s.line + ", standard error", said})
	}
	return all
}

var (
	bareNumber = regexp.MustCompile(`(?m)^[1-9]\d*$`)
	oneMoment  = regexp.MustCompile(`\.(start|stop|now|pid)$`)
	moment     = regexp.MustCompile(`^int [1-9]\d*$`)
)

// maskOutput masks what a client printed.
func (d *daemon) maskOutput(s step, out string) string {
	out = d.mask(out)
	switch {
	case slices.ContainsFunc(s.Args, meansMany) && slices.Contains([]string{"start", "stop", "restart"}, s.Args[0]):
		lines := strings.SplitAfter(out, "\n") // in the order in which they happened to be done
		slices.Sort(lines)
		return strings.Join(lines, "")
	case slices.Contains(s.Args, "pid"):
		return bareNumber.ReplaceAllString(out, "N")
	case slices.Contains(s.Args, "maintail") && s.Kind == "follow":
		first, _, _ := strings.Cut(out, "\n") // the log has a test of its own
		return first
	}
	return out
}

// meansMany reports whether a name means more than one process.
func meansMany(name string) bool {
	return name == "all" || strings.HasSuffix(name, ":*") || strings.HasSuffix(name, ":")
}

// maskValue masks a value at a place of an answer.
func (d *daemon) maskValue(s step, place, value string) string {
	value = d.mask(value)
	if oneMoment.MatchString(place) || s.Method == "supervisor.getPID" {
		value = moment.ReplaceAllString(value, "int N")
	}
	return value
}
