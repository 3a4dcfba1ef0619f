package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

const realConfig = `
[unix_http_server]
file=%[1]s/real.sock
[supervisord]
nodaemon=true
logfile=%[1]s/log
pidfile=%[1]s/pid
childlogdir=%[1]s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%[1]s/real.sock
[program:cat]
command=cat
startsecs=0
[program:done]
command=true
startsecs=0
autorestart=false
[program:never]
command=cat
autostart=false
[program:broken]
command=/nonexistent/command
startretries=0
[program:queue]
command=cat
process_name=%%(program_name)s_%%(process_num)02d
numprocs=2
startsecs=0
[program:a-program-with-a-name-longer-than-thirty-letters]
command=cat
startsecs=0
`

// startReal runs Debian's supervisord until the test ends and waits until all
// of its programs have come to rest.
func startReal(t *testing.T) (config string) {
	t.Helper()
	dir := t.TempDir()
	config = filepath.Join(dir, "supervisord.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, realConfig, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("supervisord", "-n", "-c", config)
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs Debian's package supervisor: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	resting := regexp.MustCompile(`(?s)broken +FATAL.*done +EXITED`)
	for end := time.Now().Add(time.Minute); ; {
		now := real(t, config, "status")[0]
		if resting.MatchString(now.out) && !strings.Contains(now.out, "STARTING") {
			return config
		}
		if time.Now().After(end) {
			t.Fatalf("supervisord does not come to rest: %d\n%s", now.code, now.out)
		}
	}
}

// said is what supervisorctl printed and how it ended.
type said struct {
	out  string
	code int
}

func (s *said) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &[]any{&s.out, &s.code}) }

// real runs supervisorctl once for each line.
func real(t *testing.T, config string, lines ...string) []said {
	t.Helper()
	var all [][]string
	for _, line := range lines {
		all = append(all, append([]string{"-c", config}, strings.Fields(line)...))
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/supervisorctl.py")
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = t.Output()
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("this test needs Debian's package supervisor: %v", err)
	}
	var answers []said
	if err := json.Unmarshal(text, &answers); err != nil || len(answers) != len(lines) {
		t.Fatalf("%d answers, %v: %s", len(answers), err, text)
	}
	return answers
}

// likeReal is a daemon in the state in which startReal leaves supervisord, and
// that answers as package control says a daemon answers.
func likeReal() *answering {
	d := &answering{}
	add := func(group, name, state string, fill func(*control.Status)) {
		s := control.Status{Group: group, Name: name, Program: group, State: state, Enforced: "kernel"}
		if fill != nil {
			fill(&s)
		}
		s.Description = control.Describe(s)
		d.Statuses = append(d.Statuses, s)
	}
	up := func(s *control.Status) { s.PID, s.UptimeSeconds = 4711, 5 }
	add("a-program-with-a-name-longer-than-thirty-letters", "a-program-with-a-name-longer-than-thirty-letters", "RUNNING", up)
	add("broken", "broken", "FATAL", func(s *control.Status) {
		s.StartedAt, s.StoppedAt = noon, noon
		s.LastReason = &control.Reason{Kind: "spawn_failed", Detail: "can't find command '/nonexistent/command'"}
	})
	add("cat", "cat", "RUNNING", up)
	add("done", "done", "EXITED", func(s *control.Status) { s.StartedAt, s.StoppedAt = noon, noon })
	add("never", "never", "STOPPED", nil)
	add("queue", "queue_00", "RUNNING", up)
	add("queue", "queue_01", "RUNNING", up)
	d.About = control.Info{Version: "4.2.5", PID: 4242}
	d.Logs = map[string]string{"cat/stdout": "", "/stdout": ""}
	return d
}

// answering finds out by itself what an order comes to.
type answering struct{ controltest.Daemon }

func (d *answering) Do(_ context.Context, o control.Order) ([]control.Outcome, error) {
	if o.Verb == "update" {
		return []control.Outcome{{Name: o.Names[0], Fault: control.BadGroup}}, nil
	}
	found, bad := control.MatchStatus(o.Names, d.Statuses)
	for _, s := range found {
		out := control.Outcome{Name: s.FullName()}
		switch running := s.State == "RUNNING"; {
		case o.Signal == "FOO":
			out.Fault = control.BadSignal
		case o.Verb == "start" && running:
			out.Fault = control.AlreadyStarted
		case o.Verb == "start" && s.Name == "broken":
			out.Fault = control.NoFile
		case (o.Verb == "stop" || o.Verb == "signal") && !running:
			out.Fault = control.NotRunning
		}
		bad = append(bad, out)
	}
	return bad, nil
}

var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`pid \d+, uptime \d+:\d\d:\d\d`), "pid N, uptime T"},
	{regexp.MustCompile(`[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`), "DATE"},
	{regexp.MustCompile(`(?m)^[1-9]\d*$`), "N"},
}

func masked(s string) string {
	for _, m := range masks {
		s = m.find.ReplaceAllString(s, m.put)
	}
	return s
}

// firstLine is what is compared where supervisorctl prints its help below.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// TestLikeSupervisorctl asks the real thing and ours the same and compares
// what they print and how they exit. Ours is asked twice: about bulkhead, and
// about the real supervisord. Only commands that change nothing are
// asked, so that the order does not matter.
func TestLikeSupervisorctl(t *testing.T) {
	config := startReal(t)
	path := serveFake(t, likeReal())
	helpBelow := regexp.MustCompile(`^Error: .* (requires|arguments)`)
	lines := []string{
		"status", "status cat", "status queue:*", "status queue:", "status queue:queue_01 cat", "status nope", "status nope:*", "status nope cat",
		"status cat queue:nope never", "status done", "status broken",
		"start", "start cat", "start nope", "start nope:*", "start broken", "start nope:nope cat", "start cat nope:* nope",
		"stop", "stop never", "stop nope", "stop nope:*", "stop nope done",
		"restart", "signal", "signal HUP", "signal FOO cat", "signal HUP never", "signal HUP nope", "signal HUP nope:*", "signal WINCH cat",
		"pid", "pid cat", "pid never", "pid nope", "pid all", "pid cat nope",
		"tail", "tail nope", "tail cat", "tail cat foo", "tail -x cat", "tail a b c d", "maintail x", "maintail a b",
		"clear", "clear nope", "reread", "reread x", "update nope", "version", "version x", "shutdown x", "frobnicate", "frobnicate x y",
	}
	for i, theirs := range real(t, config, lines...) {
		line, want, wantCode := lines[i], theirs.out, theirs.code
		foreign := []string{"ctl", "-c", config}
		var out, errw bytes.Buffer
		if code := run(append(foreign, strings.Fields(line)...), &out, &errw); code != wantCode || masked(out.String()) != masked(want) {
			t.Errorf("%s:\nsupervisorctl, exit %d:\n%sbulkhead ctl of the same supervisord, exit %d:\n%s%s", line, wantCode, want, code, out.String(), errw.String())
		}
		out.Reset()
		errw.Reset()
		gotCode := run(append([]string{"ctl", "-s", "unix://" + path}, strings.Fields(line)...), &out, &errw)
		got := out.String()
		if helpBelow.MatchString(want) {
			want, got = firstLine(want), firstLine(got)
		}
		if masked(got) != masked(want) || gotCode != wantCode {
			t.Errorf("%s:\nsupervisorctl, exit %d:\n%sbulkhead ctl, exit %d:\n%s%s", line, wantCode, want, gotCode, got, errw.String())
		}
	}
}

// TestDeadLikeSupervisorctl compares the exit codes when nobody answers.
func TestDeadLikeSupervisorctl(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := control.Listen(stale, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(dir, "keep")
	if err := os.Link(stale, keep); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Rename(keep, stale); err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{stale, filepath.Join(dir, "missing.sock")} {
		config := filepath.Join(dir, "supervisord.conf")
		if err := os.WriteFile(config, []byte("[supervisorctl]\nserverurl=unix://"+socket+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		lines := []string{"status", "start cat", "stop cat", "pid", "version", "tail cat", "shutdown"}
		for i, theirs := range real(t, config, lines...) {
			line, want, wantCode := lines[i], theirs.out, theirs.code
			var out, errw bytes.Buffer
			code := run(append([]string{"ctl", "-s", "unix://" + socket}, strings.Fields(line)...), &out, &errw)
			if code != wantCode {
				t.Errorf("%s at %s: exit %d, supervisorctl %d", line, filepath.Base(socket), code, wantCode)
			}
			switch asksAgain := "cannot reach unix://" + socket + ": is bulkhead serve running?"; {
			case line == "shutdown" && out.String() != want:
				t.Errorf("shutdown prints %q, supervisorctl %q", out.String(), want)
			case line != "shutdown" && errw.String() != "bulkhead: "+asksAgain+"\n":
				t.Errorf("%s prints %q", line, errw.String())
			}
		}
	}
}
