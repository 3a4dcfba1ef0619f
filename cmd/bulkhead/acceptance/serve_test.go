package acceptance_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// supervisor is one `bulkhead serve`, a process of its own, and those that come
// after it on the same configuration.
type supervisor struct {
	t        *testing.T
	bin      string
	serveBin string // of the supervisor itself, "" for bin
	dir      string // of its config, its socket and its programs' logs
	config   string
	head     string // what every configuration of it begins with
	cmd      *exec.Cmd
	client   *control.Client
	events   *recorder // of the present one

	mu  sync.Mutex
	log []string
}

// stopMost is how long a supervisor may take to end after a test.
const stopMost = time.Minute

// serve starts a supervisor of the programs, written in TOML, and ends it with
// the test. cgroup is the key of that name.
func serve(t *testing.T, cgroup, programs string) *supervisor {
	t.Helper()
	s := prepare(t, cgroup)
	s.configure(programs)
	s.start()
	return s
}

// prepare is serve without the configuration and the start.
func prepare(t *testing.T, cgroup string) *supervisor {
	t.Helper()
	s := &supervisor{t: t, bin: program(t), dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "bulkhead.toml")
	s.client = control.Dial(s.path("bulkhead.sock"))
	s.head = fmt.Sprintf("[supervisor]\nsocket = %q\nstate_dir = %q\ncgroup = %q\n", s.path("bulkhead.sock"), s.dir, cgroup)
	t.Cleanup(func() {
		if s.cmd == nil {
			return
		}
		if t.Failed() {
			s.tell()
		}
		s.end()
		s.client.Close()
		s.nothingLeft()
	})
	return s
}

// mark is in the environment of everything that it starts.
func (s *supervisor) mark() string { return "BULKHEAD_TEST_DIR=" + s.dir }

// nothingLeft demands that no process of its programs is.
func (s *supervisor) nothingLeft() {
	for _, pid := range marked(s.t, s.mark()) {
		if processState(pid) == "Z" {
			continue
		}
		s.t.Errorf("process %d is left: %q", pid, slurp(fmt.Sprintf("/proc/%d/cmdline", pid)))
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
	}
}

// path is that of a file of this supervisor.
func (s *supervisor) path(name string) string { return filepath.Join(s.dir, name) }

// configure writes the configuration: more keys of [supervisor], then the
// programs. Nobody is told.
func (s *supervisor) configure(programs string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(s.head+programs), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// command is what starts a supervisor.
func (s *supervisor) command() *exec.Cmd {
	cmd := exec.Command(cmp.Or(s.serveBin, s.bin), "serve", "-c", s.config)
	cmd.Env = append(os.Environ(), s.mark())
	return cmd
}

// start starts a supervisor where none runs, and returns once it is up.
func (s *supervisor) start() {
	s.t.Helper()
	s.cmd = s.command()
	out, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("cannot start %q: %v", s.bin, err)
	}
	if !s.greeted(out) {
		s.t.Fatalf("it ended before it was up: %v\n%s", s.cmd.Wait(), strings.Join(s.log, "\n"))
	}
	s.follow()
}

// follow records the events of the supervisor that is there now.
func (s *supervisor) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	s.events = record(ctx, s.client)
}

// greeted reads the log until the line with which the supervisor, already
// listening, says that it is up, and leaves the rest to be read on.
func (s *supervisor) greeted(out io.Reader) bool {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	next := func() (string, bool) {
		if !lines.Scan() {
			return "", false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, lines.Text())
		return lines.Text(), true
	}
	for {
		line, ok := next()
		if !ok {
			return false
		}
		if strings.Contains(line, `"config": `) {
			break
		}
	}
	go func() {
		for ok := true; ok; {
			_, ok = next()
		}
	}()
	return true
}

// end stops it as systemd would. A second SIGTERM hurries it, so that a test
// that failed leaves no process either.
func (s *supervisor) end() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if s.t.Failed() { // hurry
		time.AfterFunc(time.Second, func() { _ = s.cmd.Process.Signal(syscall.SIGTERM) })
	}
	for i, last := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		late := time.AfterFunc(time.Duration(i+1)*stopMost, func() {
			s.t.Errorf("the supervisor did not end within %v of SIGTERM", time.Duration(i+1)*stopMost)
			_ = s.cmd.Process.Signal(last)
		})
		defer late.Stop()
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the supervisor ended with: %v", err)
	}
}

// tell prints what can explain a failure.
func (s *supervisor) tell() {
	if s.events != nil {
		all := s.events.events()
		for _, e := range all[max(len(all)-80, 0):] {
			s.t.Logf("event %s %s run %d pid %d %s: %s", e.At.Format("05.000"), e.Name, e.Run, e.PID, e.Kind, e.Message)
		}
	}
	s.mu.Lock()
	for _, line := range s.log[max(len(s.log)-20, 0):] {
		s.t.Log("log   ", line)
	}
	s.mu.Unlock()
	for _, args := range [][]string{{"status"}, {"why", "all"}} {
		out, code, err := s.run(args...)
		s.t.Logf("ctl %s: status %d, %v\n%s", strings.Join(args, " "), code, err, out)
	}
}

// run is `bulkhead ctl ARG...`: both outputs and the exit status.
func (s *supervisor) run(args ...string) (string, int, error) {
	cmd := exec.Command(s.bin, append([]string{"ctl", "-c", s.config}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), exit.ExitCode(), nil
	}
	return out.String(), 0, err
}

// ctl is run where anything but exit status 0 fails the test.
func (s *supervisor) ctl(args ...string) string {
	s.t.Helper()
	out, code, err := s.run(args...)
	if err != nil || code != 0 {
		s.t.Fatalf("ctl %s: exit status %d, %v\n%s", strings.Join(args, " "), code, err, out)
	}
	return out
}

// status are the instances that names match, all when there is none.
func (s *supervisor) status(names ...string) []control.Status {
	s.t.Helper()
	all, bad, err := s.client.Status(context.Background(), names...)
	if err != nil || len(bad) > 0 {
		s.t.Fatalf("status %q: %v %v", names, bad, err)
	}
	return all
}

// built is the program under test, made once where nobody names one.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program is BULKHEAD_BIN, else what the source beside this folder builds to.
func program(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("BULKHEAD_BIN"); bin != "" {
		return bin
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "bulkhead-acceptance"); built.err != nil {
			return
		}
		// As the Makefile builds it: what is compiled once is compiled for both.
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", built.dir+"/bulkhead", "bulkhead/cmd/bulkhead")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%v\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("cannot build bulkhead: %v", built.err)
	}
	return built.dir + "/bulkhead"
}

// noExitSleep is GORACE's: a program built with -race waits a second at its end.
const noExitSleep = "atexit_sleep_ms=0"

// ownProgram is the TOML of this test binary in a role, with more environment.
func ownProgram(t *testing.T, role string, environment ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var env strings.Builder
	fmt.Fprintf(&env, "%s = %q, GORACE = %q", roleKey, role, noExitSleep)
	for _, e := range environment {
		key, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&env, ", %s = %q", key, value)
	}
	return fmt.Sprintf("command = [%q]\nenvironment = { %s }\n", exe, env.String())
}
