package supervisorctl

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
	"time"
)

const realConfig = `
[unix_http_server]
file=%[1]s/s
[supervisord]
nodaemon=true
logfile=%[1]s/log
pidfile=%[1]s/pid
childlogdir=%[1]s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%%(here)s/s
prompt=told%%%%
%[2]s`

const programs = `
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
startsecs=0
[program:broken]
command=/nonexistent/command
startretries=0
[program:shut]
command=%[1]s/log
startretries=0
[program:quiet]
command=cat
stdout_logfile=none
startsecs=0
[program:early]
command=false
startretries=0
startsecs=1
autostart=false
[program:queue]
command=cat
process_name=%%(program_name)s_%%(process_num)02d
numprocs=2
startsecs=0
[program:a-program-with-a-name-longer-than-thirty-letters]
command=cat
startsecs=0
`

// real is a supervisord of Debian's that runs until the test ends.
type real struct {
	dir, config string
}

// start runs a supervisord and waits until its programs have come to rest.
func start(t *testing.T, programs string) real {
	t.Helper()
	dir := t.TempDir()
	r := real{dir, filepath.Join(dir, "supervisord.conf")}
	r.write(t, programs)
	cmd := exec.Command("supervisord", "-n", "-c", r.config)
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs Debian's package supervisor: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // some are shut down already
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; {
		out, _, _ := r.ours("", "status")
		if strings.Contains(out, "RUNNING") && !regexp.MustCompile(`STARTING|BACKOFF`).MatchString(out) {
			return r
		}
		if time.Now().After(end) {
			t.Fatalf("supervisord does not come to rest:\n%s", out)
		}
	}
}

func (r real) write(t *testing.T, programs string) {
	t.Helper()
	if strings.Contains(programs, "%[1]s") {
		programs = fmt.Sprintf(programs, r.dir)
	}
	if err := os.WriteFile(r.config, fmt.Appendf(nil, realConfig, r.dir, programs), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ours runs our supervisorctl with what is typed on its standard input.
func (r real) ours(typed string, args ...string) (out, errw string, code int) {
	var o, e bytes.Buffer
	opts, err := ParseOptions("/usr/bin/supervisorctl", append([]string{"-c", r.config}, args...))
	if err != nil {
		return "", err.Error(), exitInvalidArgs
	}
	code = New(opts, NewPipe(strings.NewReader(typed), &o), &o, &e).session()
	return o.String(), e.String(), code
}

// said is what Debian's supervisorctl printed and how it ended.
type said struct {
	out  string
	code int
}

func (s *said) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &[]any{&s.out, &s.code}) }

// theirs runs Debian's supervisorctl likewise.
func (r real) theirs(t *testing.T, typed string, args ...string) (out, errw string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := exec.Command("/usr/bin/supervisorctl", append([]string{"-c", r.config}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(typed), &o, &e
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	_ = cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// theirsAll runs Debian's supervisorctl once for each line.
func (r real) theirsAll(t *testing.T, lines []string) []said {
	var all [][]string
	for _, line := range lines {
		all = append(all, append([]string{"-c", r.config}, strings.Fields(line)...))
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Error(err)
	}
	cmd := exec.Command("/usr/bin/python3", "../testdata/supervisorctl.py")
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	text, err := cmd.Output()
	if err != nil {
		t.Errorf("this test needs Debian's package supervisor: %v", err)
	}
	var answers []said
	if err := json.Unmarshal(text, &answers); err != nil || len(answers) != len(lines) {
		t.Errorf("%d answers, %v: %s", len(answers), err, text)
	}
	return answers
}

func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}

var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`pid \d+, uptime \d+:\d\d:\d\d`), "pid N, uptime T"},
	{regexp.MustCompile(`[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`), "DATE"},
	{regexp.MustCompile(`(?m)^[1-9]\d*$`), "N"},
	{regexp.MustCompile(`(?m): file: \S+ line: \d+$`), ""}, // the place in supervisorctl's source
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}|pid \d+$|^\d+ `), "M"},
}

// many are orders that come to an end for one process after the other, in no order.
var many = regexp.MustCompile(`^(stop|restart) .*(all|:\*)`)

// masked is text without what differs from run to run.
func (r real) masked(text string) string {
	text = strings.ReplaceAll(text, r.dir, "/DIR")
	for _, m := range masks {
		text = m.find.ReplaceAllString(text, m.put)
	}
	return text
}

// TestLikeTheirs has Debian's supervisorctl and ours give the same orders, one
// after the other, to two supervisords of Debian's that began alike.
func TestLikeTheirs(t *testing.T) {
	t.Parallel()
	a, b := start(t, programs), start(t, programs)
	next := strings.NewReplacer(
		"[program:done]\ncommand=true\nstartsecs=0\nautorestart=false\n", "[program:new]\ncommand=cat\nstartsecs=0\n[program:other]\ncommand=cat\nautostart=false\n",
		"[program:early]\ncommand=false\nstartretries=0\nstartsecs=1\nautostart=false\n", "", // which ends when it likes
	).Replace(programs)
	changed := strings.Replace(next, "numprocs=2", "numprocs=3", 1)
	for _, part := range []struct {
		config string
		lines  []string
	}{
		{programs, []string{
			"status", "status all", "status cat", "status queue:*", "status queue:", "status queue:queue_01 cat", "status nope", "status nope:*",
			"status nope cat", "status cat queue:nope never", "status done", "status broken", "status queue", "status quiet nope:",
			"start", "start cat", "start nope", "start nope:*", "start broken", "start shut", "start early", "start nope:nope cat", "start cat nope:* nope",
			"start queue:*", "start never", "start never", "stop never", "stop never", "stop", "stop nope", "stop nope:*",
			"stop nope done", "stop cat queue:queue_00", "status", "start cat queue:*", "restart", "restart cat", "restart never", "restart nope",
			"restart nope:*", "restart queue:*", "restart broken", "restart early", "stop queue:*", "stop queue:*",
			"status", "start queue:*", "stop never early done", "signal", "signal HUP", "signal FOO cat", "signal HUP never", "signal HUP nope",
			"signal HUP nope:*", "signal CONT cat", "signal SIGCONT queue:*", "signal 18 cat", "signal BAD all", "signal FOO queue:*",
			"pid", "pid cat", "pid never", "pid nope", "pid all", "pid cat nope", "pid queue:*", "pid never cat",
			"tail", "tail nope", "tail cat", "tail cat foo", "tail -x cat", "tail a b c d", "tail -f", "tail -10", "tail quiet", "tail broken stderr",
			"tail -5 cat stderr", "tail cat STDOUT", "tail -0 cat", "tail --5 cat", "tail cat stdout stderr", "tail -f nope", "tail -f quiet",
			"maintail x", "maintail a b", "maintail -x", "maintail -f x",
			"clear", "clear nope", "clear cat", "clear cat nope", "clear queue:*", "clear all", "clear never",
			"avail", "avail x", "reread", "reread x", "update", "update nope", "update cat", "add", "add cat", "add nope", "add cat nope",
			"remove", "remove cat", "remove nope", "remove never", "status never", "remove never", "add never", "status never",
			"version", "version x", "reload x", "shutdown x", "fg", "fg a b", "fg nope", "fg never", "open", "open foo", "open unix:///nonexistent/s",
			"open http://localhost:1", "help", "help status", "help nope", "help help", "help tail", "help maintail", "help signal x", "?", "?start", "? stop",
			"frobnicate", "frobnicate x y", "!ls", "quit", "exit", "EOF", "sta.tus", "status;", "-i status",
			"-s unix:///nonexistent/s status", "-s unix:///nonexistent/s start cat", "-s unix:///nonexistent/s pid", "-s unix:///nonexistent/s reread",
			"-s unix:///nonexistent/s shutdown", "-s http://localhost:1 status", "-s http://localhost:1 stop cat", "-s http://localhost:1 reload",
			"-s http://localhost:1 shutdown", "-s http://localhost:1 avail", "-s ftp://localhost status", "-s ftp://localhost update",
		}},
		{"[program:x]\nstartsecs=1\n", []string{"reread", "update", "add x", "status x"}},
		{next, []string{
			"reread", "avail", "update nope", "update other", "status", "update", "status", "update", "reread", "add early", "remove early", "remove cat",
			"signal CONT all", "stop all", "stop all", "start all", "start all", "restart all", "clear all", "pid all",
		}},
		{changed, []string{"reread", "update queue", "update all", "status", "start queue:queue_02", "stop queue:*", "remove queue", "add queue", "add queue"}},
		{changed, []string{"shutdown"}},
	} {
		a.write(t, part.config)
		b.write(t, part.config)
		theirs := make(chan []said, 1)
		go func() { theirs <- a.theirsAll(t, part.lines) }()
		var ours []said
		for _, line := range part.lines {
			out, _, code := b.ours("", strings.Fields(line)...)
			ours = append(ours, said{out, code})
		}
		for i, want := range <-theirs {
			line, got := part.lines[i], ours[i]
			want.out, got.out = a.masked(want.out), b.masked(got.out)
			if many.MatchString(line) {
				want.out, got.out = sorted(want.out), sorted(got.out)
			}
			if got != want {
				t.Errorf("%s:\nDebian's, exit %d:\n%sours, exit %d:\n%s", line, want.code, want.out, got.code, got.out)
			}
		}
	}
}

// TestShellLikeTheirs types the same into both shells.
func TestShellLikeTheirs(t *testing.T) {
	t.Parallel()
	const typed = "help\nhelp start\n\n  \nstatus cat\nfoo bar\nstop cat\nshutdown\nn\nreload\n\nfg cat\nopen foo\nstart cat\n"
	a, b := start(t, programs), start(t, programs)
	for _, end := range []string{"", "quit\nstatus\n", "exit", "EOF\n", "shutdown"} {
		wantOut, wantErr, wantCode := a.theirs(t, typed+end)
		gotOut, gotErr, gotCode := b.ours(typed + end)
		if a.masked(wantOut) != b.masked(gotOut) || a.masked(wantErr) != b.masked(gotErr) || wantCode != gotCode {
			t.Errorf("ending with %q:\nDebian's, exit %d:\n%s%sours, exit %d:\n%s%s", end, wantCode, a.masked(wantOut), a.masked(wantErr), gotCode,
				b.masked(gotOut), b.masked(gotErr))
		}
	}
}
