package acceptance_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// supervisorctl runs Debian's, of supervisord.
func (s *supervisor) supervisorctl(args ...string) *exec.Cmd {
	s.t.Helper()
	config := s.path("supervisorctl.conf")
	if err := os.WriteFile(config, []byte("[supervisorctl]\nserverurl=unix://"+s.path("bulkhead.sock")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return exec.CommandContext(s.t.Context(), "/usr/bin/supervisorctl", append([]string{"-c", config}, args...)...)
}

// says runs supervisorctl and demands what it prints, and its exit code. Pids and
// uptimes are PID and UP.
func (s *supervisor) says(line string, code int, want string) {
	s.t.Helper()
	cmd := s.supervisorctl(strings.Fields(line)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	got := regexp.MustCompile(`pid \d+, uptime \d:\d\d:\d\d`).ReplaceAllString(string(out), "pid PID, uptime UP")
	got = regexp.MustCompile(`(?m)^\d+$`).ReplaceAllString(got, "PID")
	got = regexp.MustCompile(`[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M`).ReplaceAllString(got, "TIME")
	if got != want || cmd.ProcessState.ExitCode() != code {
		s.t.Errorf("supervisorctl %s: got %d\n%s\nwant %d\n%s", line, cmd.ProcessState.ExitCode(), got, code, want)
	}
}

// Debian's supervisorctl works unchanged.
func TestSupervisorctlOfDebian(t *testing.T) {
	a := worker("a", `echo up; trap 'echo hup' HUP; while :; do sleep 0.1; done`, "stdout_logfile = '%s'\n")
	s := prepare(t, "off")
	a = strings.Replace(a, "%s", s.path("a.log"), 1)
	pair := worker("pair", "exec sleep 1000000", "numprocs = 2\n")
	lost := "[programs.lost]\ncommand = '/nonexistent/command'\nautostart = false\n"
	fresh := worker("fresh", "exec sleep 1000000", "")
	s.configure(a + pair + lost)
	s.start()
	eventually(t, "a is up", func() bool { return len(slurpLines(s.path("a.log"), "up")) == 1 })
	s.says("status", 3, `a                                RUNNING   pid PID, uptime UP
lost                             STOPPED   Not started
pair:pair_00                     RUNNING   pid PID, uptime UP
pair:pair_01                     RUNNING   pid PID, uptime UP
`)
	s.says("stop pair:*", 0, "pair:pair_00: stopped\npair:pair_01: stopped\n")
	s.says("status pair:pair_00", 3, "pair:pair_00                     STOPPED   TIME\n")
	s.says("start pair:pair_01", 0, "pair:pair_01: started\n")
	s.says("start pair:*", 0, "pair:pair_00: started\n")
	s.says("start a lost nope", 1, "a: ERROR (already started)\nlost: ERROR (no such file)\nnope: ERROR (no such process)\n")
	s.says("restart a", 0, "a: stopped\na: started\n")
	s.says("signal HUP a", 0, "a: signalled\n")
	eventually(t, "a was told", func() bool { return len(slurpLines(s.path("a.log"), "hup")) == 1 })
	s.says("tail a", 0, "up\nup\nhup\n\n")
	s.says("clear a", 0, "a: cleared\n")
	s.says("tail a", 0, "\n")
	s.says("pid", 0, "PID\n")
	s.says("pid a", 0, "PID\n")
	s.configure(a + lost + fresh)
	s.says("reread", 0, "fresh: available\npair: disappeared\n")
	s.says("add fresh a", 0, "fresh: added process group\nERROR: process group already active\n")
	s.says("remove fresh", 1, "ERROR: process/group still running: fresh\n")
	s.says("stop fresh", 0, "fresh: stopped\n")
	s.says("remove fresh", 0, "fresh: removed process group\n")
	s.says("update", 0, "pair: stopped\npair: removed process group\nfresh: added process group\n")
	s.says("reread", 0, "No config updates to processes\n")
	s.configure(a + "no toml")
	for verb, begins := range map[string]string{"reread": "ERROR: CANT_REREAD: ", "reload": "error: <class 'xmlrpc.client.Fault'>, <Fault 30: "} {
		out, err := s.supervisorctl(verb).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), begins) {
			t.Errorf("%s of a broken file: %v, %s", verb, err, out)
		}
	}
	s.configure(a + lost)
	s.says("reload", 0, "Restarted supervisord\n")
	eventually(t, "fresh is gone", func() bool { return len(s.status("all")) == 2 })
	if st := s.one("a"); st.Run != 2 {
		t.Errorf("a did not run on: %+v", st)
	}
	s.says("shutdown", 0, "Shut down\n")
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A log that supervisorctl follows goes on through an upgrade, without a byte lost or doubled.
func TestSupervisorctlFollowsThroughAnUpgrade(t *testing.T) {
	s := prepare(t, "off")
	s.configure(worker("a", `trap 'echo "tölle $((n += 1))"' HUP; echo up; while :; do sleep 0.05; done`, "stdout_logfile = '"+s.path("a.log")+"'\n"))
	s.start()
	eventually(t, "a is up", func() bool { return len(slurpLines(s.path("a.log"), "up")) == 1 })
	cmd := s.supervisorctl("tail", "-f", "a")
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "PYTHONIOENCODING=utf-8")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	until := func(text string) {
		t.Helper()
		for buf := make([]byte, 4096); !strings.HasSuffix(got.String(), text); {
			n, err := out.Read(buf)
			got.Write(buf[:n])
			if err != nil {
				t.Fatalf("it ends with %v after %q", err, got.String())
			}
		}
	}
	until("up\n")
	for n, want := range []string{"tölle 1\n", "tölle 2\n"} {
		if n > 0 {
			s.upgrade()
		}
		s.says("signal HUP a", 0, "a: signalled\n")
		until(want)
	}
	if want := "==> Press Ctrl-C to exit <==\nup\ntölle 1\ntölle 2\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // of a killed one: nothing to learn
}
