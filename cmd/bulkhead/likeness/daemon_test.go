package likeness_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// side is one of the two supervisors: the folder in which its programs are
// called supervisord and supervisorctl.
type side struct {
	name   string
	folder string
}

// theirs is Debian's.
var theirs = side{"supervisord", "/usr/bin"}

// ours is bulkhead, called by supervisord's names; or what BULKHEAD_LIKENESS holds.
func ours(t *testing.T) side {
	t.Helper()
	if other := os.Getenv(otherKey); other != "" {
		folder, err := filepath.Abs(other)
		if err != nil {
			t.Fatal(err)
		}
		return side{folder, folder}
	}
	return side{"bulkhead", bulkhead(t)}
}

const (
	otherKey = "BULKHEAD_LIKENESS" // another than bulkhead to be compared with supervisord
)

// built is the folder with the program under test and its two other names.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// bulkhead builds the program once.
func bulkhead(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "likeness-bin"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", built.dir+"/bulkhead", "bulkhead/cmd/bulkhead")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%v\n%s", err, out)
			return
		}
		for _, name := range []string{"supervisord", "supervisorctl"} {
			built.err = errors.Join(built.err, os.Symlink("bulkhead", filepath.Join(built.dir, name)))
		}
	})
	if built.err != nil {
		t.Fatalf("cannot build bulkhead: %v", built.err)
	}
	return built.dir
}

func TestMain(m *testing.M) {
	becomeCommand()
	flag.Parse()
	// Daemons wait most of the time.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// daemon is one supervisor under test, in a folder of its own that holds its
// config, its socket and all that it writes.
type daemon struct {
	t    *testing.T
	side side
	dir  string
	cmd  *exec.Cmd
	out  bytes.Buffer // both outputs; not to be read before the end
	done chan struct{}
}

const (
	upMost  = 60 * time.Second // until it answers
	endMost = 60 * time.Second // until it has ended
	lookAt  = 50 * time.Millisecond
)

// prepare makes the folder of a daemon out of one of testdata.
func prepare(t *testing.T, s side, from string) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "like") // short: it is in the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, side: s, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", from))); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"conf.d", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// start starts a daemon on the config of a folder of testdata, returns when it
// answers, and ends it with the test.
func start(t *testing.T, s side, from string) *daemon {
	t.Helper()
	d := prepare(t, s, from)
	d.start()
	return d
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

// command is the daemon's command line and surroundings, the same on both sides
// and wherever the test runs: supervisord's children inherit the signals that
// it was started to ignore.
func (d *daemon) command() *exec.Cmd {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(self, withDefaults, filepath.Join(d.side.folder, "supervisord"), "-n", "-c", d.path("supervisord.conf"))
	cmd.Dir = d.dir
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", "TZ=UTC",
		"LIKENESS=a value", "LIKENESS_EMPTY=", d.mark(),
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// mark is in the environment of everything that comes of this daemon.
func (d *daemon) mark() string { return "LIKENESS_DIR=" + d.dir }

func (d *daemon) start() {
	d.t.Helper()
	d.cmd = d.command()
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("this test needs Debian's package supervisor: %v", err)
	}
	d.done = make(chan struct{})
	go func() {
		_ = d.cmd.Wait()
		close(d.done)
	}()
	d.t.Cleanup(func() {
		d.stop()
		if d.t.Failed() {
			d.t.Logf("what %s printed:\n%s", d.side.name, tail(d.mask(d.out.String()), 4000))
		}
	})
	late := time.After(upMost)
	tick := time.NewTicker(lookAt)
	defer tick.Stop()
	for !d.answers() {
		select {
		case <-tick.C:
		case <-d.done:
			d.t.Fatalf("%s ended before it answered: %v\n%s", d.side.name, d.cmd.ProcessState, d.out.String())
		case <-late:
			d.t.Fatalf("%s does not answer on %s", d.side.name, d.path("sock"))
		}
	}
	if !exists(filepath.Join(d.side.folder, "bulkhead")) {
		go d.nudge()
	}
}

// awaitLog waits until the log file holds a text.
func (d *daemon) awaitLog(text string) {
	d.t.Helper()
	d.play(nil, []step{{line: "until " + text, Kind: "until", Path: d.path("main.log"), Text: &text}})
}

// http is a client of the daemon's socket.
func (d *daemon) http() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.path("sock"))
		},
	}}
}

const askState = "<methodCall><methodName>supervisor.getState</methodName></methodCall>"

func (d *daemon) answers() bool {
	c := d.http()
	defer c.CloseIdleConnections()
	answer, err := c.Post("http://localhost/RPC2", "text/xml", strings.NewReader(askState))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return err == nil && bytes.Contains(text, []byte("RUNNING"))
}

// nudge keeps asking a supervisord until the end. It looks after its processes once a
// second or when somebody asks; so its answers come soon, and no race between
// the end of an output and the end of its process is left to chance.
func (d *daemon) nudge() {
	c := d.http()
	defer c.CloseIdleConnections()
	tick := time.NewTicker(lookAt)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if answer, err := c.Post("http://localhost/RPC2", "text/xml", strings.NewReader(askState)); err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		case <-d.done:
			return
		}
	}
}

// stop ends the daemon as a system would, and with force what stays.
func (d *daemon) stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if d.t.Failed() {
		d.killAll() // what the script was going to end
	}
	late := time.After(endMost)
	select {
	case <-d.done:
	case <-late:
		d.t.Errorf("%s did not end within %v of SIGTERM", d.side.name, endMost)
		_ = d.cmd.Process.Kill()
		<-d.done
	}
	d.killAll()
}

// killAll kills what comes of the daemon, but not the daemon.
func (d *daemon) killAll() {
	for _, pid := range marked(d.mark()) {
		if pid != d.cmd.Process.Pid {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
		}
	}
}

// marked are the processes that have the mark in their environment.
func marked(mark string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err != nil {
			continue
		}
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(mark+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tail is the end of a text.
func tail(s string, most int) string {
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
