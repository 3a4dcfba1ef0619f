package acceptance_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// hears prints each signal that it gets and ends with SIGTERM, by code 3.
func hears() {
	heard := make(chan os.Signal, 16)
	signal.Notify(heard, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	fmt.Println("ready", os.Getpid())
	for sig := range heard {
		fmt.Println(unix.SignalName(sig.(syscall.Signal)))
		if sig == unix.SIGTERM {
			os.Exit(3)
		}
	}
}

// oneoff is a `bulkhead exec`, not started. The test binary runs under it in a
// role where the command is none.
type oneoff struct {
	*exec.Cmd
	t      *testing.T
	stderr bytes.Buffer
	in     io.WriteCloser
	out    *bufio.Scanner
}

func execute(t *testing.T, args ...string) *oneoff {
	t.Helper()
	o := &oneoff{Cmd: exec.Command(program(t), append([]string{"exec"}, args...)...), t: t}
	o.Stderr = &o.stderr
	return o
}

// role is what an own program under it does.
func (o *oneoff) role(role string, environment ...string) *oneoff {
	o.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		o.t.Fatal(err)
	}
	o.Args = append(o.Args, "--", exe)
	o.Env = append(os.Environ(), append(environment, roleKey+"="+role, "GORACE="+noExitSleep)...)
	return o
}

// begin starts it, with pipes in and out.
func (o *oneoff) begin() *oneoff {
	o.t.Helper()
	var err error
	if o.in, err = o.StdinPipe(); err != nil {
		o.t.Fatal(err)
	}
	out, err := o.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	o.out = bufio.NewScanner(out)
	if err := o.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		if o.ProcessState == nil {
			_ = o.Process.Kill()
			_ = o.Wait()
		}
	})
	return o
}

// ready waits for the command's word and returns its pid.
func (o *oneoff) ready() int {
	o.t.Helper()
	var pid int
	if _, err := fmt.Sscanf(o.line(), "ready %d", &pid); err != nil {
		o.t.Fatal(err)
	}
	return pid
}

func (o *oneoff) line() string {
	o.t.Helper()
	if !o.out.Scan() {
		_ = o.Wait()
		o.t.Fatalf("no more output: %v\n%s", o.out.Err(), o.stderr.String())
	}
	return o.out.Text()
}

// ends waits for its end and returns the exit code.
func (o *oneoff) ends() int {
	o.t.Helper()
	err := o.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	return o.ProcessState.ExitCode()
}

// run is both outputs and the exit code.
func (o *oneoff) run() (stdout, stderr string, code int) {
	o.t.Helper()
	var out bytes.Buffer
	o.Stdout = &out
	if err := o.Start(); err != nil {
		o.t.Fatal(err)
	}
	code = o.ends()
	return out.String(), o.stderr.String(), code
}

func TestExecPassesSignalsOn(t *testing.T) {
	o := execute(t, "--no-cgroup").role("hears").begin()
	o.ready()
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM} {
		if err := o.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got := o.line(); got != unix.SignalName(sig) {
			t.Errorf("%s became %s", unix.SignalName(sig), got)
		}
	}
	if code := o.ends(); code != 3 || o.stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", code, o.stderr.String())
	}
	deaf := execute(t, "--no-cgroup", "sh", "-c", "echo ready $$; exec sleep 1000").begin()
	deaf.ready()
	if err := deaf.Process.Signal(unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if code := deaf.ends(); code != 128+1 {
		t.Errorf("ended by SIGHUP: exit code %d", code)
	}
}

// A terminal's Ctrl-C reaches the command by itself, once.
func TestExecOnATerminal(t *testing.T) {
	o := execute(t, "--no-cgroup").role("hears")
	o.Stderr = nil
	terminal, err := pty.Start(o.Cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	o.out = bufio.NewScanner(terminal)
	o.ready()
	if _, err := terminal.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	var got []string
	next := func() {
		// The terminal echoes what is typed.
		got = append(got, strings.TrimPrefix(o.line(), "^C"))
	}
	next()
	for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGTERM} { // behind whatever there is of SIGINT
		if err := o.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		for next(); got[len(got)-1] == "SIGINT"; next() {
		}
	}
	if !slices.Equal(got, []string{"SIGINT", "SIGUSR1", "SIGTERM"}) {
		t.Errorf("the command heard %q", got)
	}
	if code := o.ends(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

func TestExecStandsInItsCallersPlace(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	o := execute(t, "--no-cgroup", "--oom-score-adj", "321", "sh", "-c", "cat >&3; cat /proc/self/oom_score_adj; echo $X; pwd; exit 9")
	o.ExtraFiles, o.Stdin, o.Dir = []*os.File{w}, strings.NewReader("through"), "/usr"
	o.Env = append(os.Environ(), "X=y z")
	out, stderr, code := o.run()
	w.Close()
	through, _ := io.ReadAll(r)
	if string(through) != "through" || out != "321\ny z\n/usr\n" || code != 9 || stderr != "" {
		t.Errorf("%q through descriptor 3, %q, %q, exit code %d", through, out, stderr, code)
	}
	piped := exec.Command("sh", "-c", `{ "$0" exec --no-cgroup --memory-max 64M grep -E "SigIgn" /proc/self/status; } 2>&-`, program(t))
	if out, err := piped.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "000\n") {
		t.Errorf("without standard error, SIGPIPE at its default: %s, %v", out, err)
	}
	quiet := exec.Command("sh", "-c", `trap "" HUP; exec "$0" exec --no-cgroup grep SigIgn /proc/self/status`, program(t))
	if out, err := quiet.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "01\n") {
		t.Errorf("SIGHUP is not ignored any more: %s, %v", out, err)
	}
}

// Killed itself, it leaves neither its command nor its slot behind.
func TestExecKilled(t *testing.T) {
	dir := t.TempDir()
	o := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a").role("hears").begin()
	pid := o.ready()
	_, stderr, code := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a", "--no-wait", "true").run()
	if want := fmt.Sprintf(`true: cannot have lock "a": its one slot is held by pid %d: not started`, o.Process.Pid); code != 75 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
	waiter := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a", "echo", "done").begin()
	if err := o.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.Wait()
	if got := waiter.line(); got != "done" || waiter.ends() != 0 {
		t.Errorf("the next one: %q", got)
	}
	eventually(t, "the end of the command", func() bool { return processState(pid) == "" || processState(pid) == "Z" })
}

func TestExecWaitsSoLong(t *testing.T) {
	dir := t.TempDir()
	o := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a", "--slots", "1").role("hears").begin()
	o.ready()
	_, stderr, code := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a", "--wait", "400ms", "true").run()
	waits := fmt.Sprintf("bulkhead: exec: true: waits for lock \"a\": its one slot is held by pid %d\n", o.Process.Pid)
	if code != 75 || !strings.HasPrefix(stderr, waits) || !strings.Contains(stderr, "not started: the wait is over") || strings.Count(stderr, "\n") != 2 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	waiter := execute(t, "--no-cgroup", "--lock-dir", dir, "--lock", "a", "true").begin()
	eventually(t, "the second in the queue", func() bool {
		b, _ := os.ReadFile("/proc/locks")
		info, err := os.Stat(filepath.Join(dir, "a.queue"))
		return err == nil && strings.Contains(string(b), fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino))
	})
	if err := waiter.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := waiter.ends(); code != 128+15 || !strings.Contains(waiter.stderr.String(), "stopped by terminated before its start") {
		t.Errorf("SIGTERM while it waits: exit code %d, %s", code, waiter.stderr.String())
	}
}

// Starts that look at the memory come one by one.
func TestExecWaitsForMemory(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := execute(t, "--no-cgroup", "--lock-dir", dir, "--min-available", "100%", "--no-wait", "true").run()
	if code != 75 || !strings.Contains(stderr, "true: not started: ") || !strings.Contains(stderr, "of memory are available, less than") {
		t.Errorf("all of it: exit code %d, %q", code, stderr)
	}
	first := execute(t, "--no-cgroup", "--lock-dir", dir, "--min-available", "1M", "--settle", "1h").role("hears").begin()
	first.ready()
	if _, stderr, code := execute(t, "--no-cgroup", "--lock-dir", dir, "--min-available", "1M", "--no-wait", "true").run(); code != 75 {
		t.Errorf("while the first one settles: exit code %d, %q", code, stderr)
	}
	second := execute(t, "--no-cgroup", "--lock-dir", dir, "--min-available", "1M", "echo", "runs").begin()
	if err := first.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := second.line(); got != "runs" || second.ends() != 0 || first.ends() != 3 {
		t.Errorf("%q", got)
	}
}

// crowd runs 30 commands at once and returns how many of them were it at most.
func crowd(t *testing.T, pause string, args ...string) int {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	script := fmt.Sprintf("echo + >>%[1]s; sleep %[2]s; echo - >>%[1]s", log, pause)
	var all sync.WaitGroup
	for range 30 {
		o := execute(t, append(slices.Clone(args), "--", "sh", "-c", script)...)
		all.Go(func() {
			if out, err := o.run2(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	all.Wait()
	now, most, starts := 0, 0, 0
	for _, word := range strings.Fields(slurp(log)) {
		n, err := strconv.Atoi(word + "1")
		if err != nil {
			t.Fatal(err)
		}
		now += n
		most = max(most, now)
		starts += max(n, 0)
	}
	if now != 0 || starts != 30 {
		t.Errorf("%d starts, %d without an end", starts, now)
	}
	return most
}

// run2 is run for another goroutine than the test's.
func (o *oneoff) run2() (string, error) {
	err := o.Run()
	return o.stderr.String(), err
}

func TestExecCrowd(t *testing.T) {
	if most := crowd(t, "0", "--no-cgroup", "--lock-dir", t.TempDir(), "--lock", "unzip", "--slots", "3"); most > 3 {
		t.Errorf("%d at once", most)
	}
}
