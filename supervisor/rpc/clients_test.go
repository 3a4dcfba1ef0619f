package rpc_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
	"bulkhead/supervisor/rpc"
)

// ctl runs supervisorctl of supervisord.
func ctl(t *testing.T, path string, args ...string) (out string, code int) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "ctl.conf")
	if err := os.WriteFile(config, []byte("[supervisorctl]\nserverurl=unix://"+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/supervisorctl", append([]string{"-c", config}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8")
	text, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// supervisorctl reads and prints what it is told, and ends with its own codes.
func TestSupervisorctl(t *testing.T) {
	f := newFake(t)
	f.write(t, "caf\xc3\xa9 \x1b[31mred\n")
	path := open(t, f, "", "")
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"status cat fatal", 3, "cat                              RUNNING   pid 4711, uptime 0:10:00\n" +
			"fatal                            FATAL     Exited too quickly (process log may have details)\n"},
		{"status nope", 4, "nope: ERROR (no such process)\n"},
		{"start gone cat dies", 7, "gone: ERROR (no such file)\ncat: ERROR (already started)\ndies: ERROR (spawn error)\n"},
		{"start q:*", 0, "q:q_01: started\nq:q_00: started\n"},
		{"signal HUP q:*", 0, "q:q_01: signalled\nq:q_00: signalled\n"},
		{"signal NOPE cat", 1, "cat: ERROR (bad signal name)\n"},
		{"stop q:*", 0, "q:q_01: stopped\nq:q_00: stopped\n"},
		{"stop q:q_00", 0, "q:q_00: ERROR (not running)\n"},
		{"pid", 0, "99\n"},
		{"pid cat", 0, "4711\n"},
		{"version", 0, "4.2.5\n"},
		{"tail cat", 0, "café \uFFFD[31mred\n\n"},
		{"tail -4 cat", 0, "red\n\n"},
		{"tail cat stderr", 1, "cat: ERROR (no log file)\n"},
		{"maintail", 0, "café \uFFFD[31mred\n\n"},
		{"clear cat", 0, "cat: cleared\n"},
		{"reread", 0, "cat: changed\nnew: available\n"},
		{"add cat new", 0, "ERROR: process group already active\nnew: added process group\n"},
		{"remove cat", 1, "ERROR: process/group still running: cat\n"},
		{"shutdown", 0, "Shut down\n"},
		{"shutdown", 0, "ERROR: already shutting down\n"},
	} {
		out, code := ctl(t, path, strings.Fields(c.args)...)
		if out != c.out || code != c.code {
			t.Errorf("supervisorctl %s: got %d\n%s\nwant %d\n%s", c.args, code, out, c.code, c.out)
		}
	}
}

func TestSupervisorctlFollowsALog(t *testing.T) {
	f := newFake(t)
	path := open(t, f, "", "")
	config := filepath.Join(f.dir, "ctl.conf")
	if err := os.WriteFile(config, []byte("[supervisorctl]\nserverurl=unix://"+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/supervisorctl", "-c", config, "tail", "-f", "cat")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const want = "==> Press Ctrl-C to exit <==\nhello\n"
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		more, err := out.Read(got[n:])
		if err != nil {
			t.Fatalf("after %q: %v", got[:n], err)
		}
		n += more
	}
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // of a killed one: nothing to learn
}

// Python's client comes by TCP, through a door of its own with a password of its own.
func TestPythonsClient(t *testing.T) {
	f := newFake(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := control.NewServer(&controltest.Daemon{}, nil)
	s.Handle(rpc.Path, rpc.New(f))
	if err := s.Open(control.Door{Name: "tcp", Listener: l, Guard: guard("user", "secret")}); err != nil {
		t.Fatal(err)
	}
	main, err := control.Listen(filepath.Join(f.dir, "s"), 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, main) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	python := func(url string) string {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/clients.py", url)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		return string(out)
	}
	if got, _, _ := strings.Cut(python("http://"+l.Addr().String()+"/RPC2"), "\n"); got != "supervisor.getState 401" {
		t.Errorf("without a password: got %q", got)
	}
	const want = `supervisor.getState {"statecode": 1, "statename": "RUNNING"}
supervisor.getProcessInfo {"name": "cat", "group": "cat", "start": 1700000000, "stop": 0, "now": 1700000600, "state": 20, "statename": "RUNNING", "spawnerr": "", "exitstatus": 0, "logfile": "LOG", "stdout_logfile": "LOG", "stderr_logfile": "", "pid": 4711, "description": "pid 4711, uptime 0:10:00"}
supervisor.getProcessInfo {"code": 10, "text": "BAD_NAME: nope"}
supervisor.startProcess true
supervisor.stopProcessGroup [{"name": "q_00", "group": "q", "status": 80, "description": "OK"}]
supervisor.tailProcessStdoutLog ["hello\n", 6, false]
supervisor.sendProcessStdin true
system.multicall [99, {"faultCode": 10, "faultString": "BAD_NAME: nope"}]
`
	got := strings.ReplaceAll(python("http://user:secret@"+l.Addr().String()+"/RPC2"), filepath.Join(f.dir, "cat.log"), "LOG")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !slices.Contains(f.heard(), `write cat "é\n"`) {
		t.Errorf("told %q", f.heard())
	}
}
