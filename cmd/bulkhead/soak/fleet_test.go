package soak

import (
	"bytes"
	"cmp"
	"context"
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

// keeper of the one `bulkhead serve` after the other.
type captain struct {
	t      *testing.T
	dir    string
	bin    string // a copy of its own: an upgrade puts another one there
	origin string
	config string
	socket string
	client *control.Client
	log    *os.File

	mu   sync.Mutex
	cmd  *exec.Cmd
	dead chan struct{} // closed when cmd has ended
}

func newCaptain(t *testing.T, dir string) *captain {
	t.Helper()
	c := &captain{t: t, dir: dir, origin: program(t), bin: filepath.Join(dir, "bulkhead"),
		config: filepath.Join(dir, "bulkhead.toml"), socket: filepath.Join(dir, "b.sock")}
	c.client = control.Dial(c.socket)
	var err error
	if c.log, err = os.OpenFile(filepath.Join(cmp.Or(os.Getenv("BULKHEAD_RESULTS"), dir), "serve.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644); err != nil {
		t.Fatal(err)
	}
	c.newBinary()
	return c
}

// newBinary puts the program on disk anew, as a package manager does.
func (c *captain) newBinary() {
	c.t.Helper()
	from, err := os.Open(c.origin)
	if err != nil {
		c.t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(c.bin+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Close()
	}
	if err == nil {
		err = os.Rename(c.bin+".new", c.bin)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// start runs serve; it does not wait until it answers.
func (c *captain) start() {
	c.t.Helper()
	cmd := exec.Command(c.bin, "serve", "-c", c.config)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		c.t.Fatalf("cannot start %q: %v", c.bin, err)
	}
	dead := make(chan struct{})
	c.mu.Lock()
	c.cmd, c.dead = cmd, dead
	c.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		close(dead)
	}()
}

func (c *captain) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cmd.Process.Pid
}

func (c *captain) ended() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// up waits until it answers; false when it has ended instead, or takes too long.
func (c *captain) up(most time.Duration) bool {
	for end := time.Now().Add(most); time.Now().Before(end) && !c.ended(); time.Sleep(10 * time.Millisecond) {
		if c.answers(most) {
			return true
		}
	}
	return false
}

func (c *captain) answers(most time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	info, err := c.client.Version(ctx)
	return err == nil && info.PID == c.pid()
}

// kill ends the supervisor as the OOM killer would.
func (c *captain) kill() {
	_ = c.cmd.Process.Kill()
	<-c.dead
	c.client.Close()
}

// image is the file that the supervisor's process executes, 0 when there is none.
func (c *captain) image() uint64 { return inode(fmt.Sprintf("/proc/%d/exe", c.pid())) }

func inode(path string) uint64 {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// refusals are the lines with which upgrades by signal were refused: nobody waits
// for their answer.
func (c *captain) refusals() (all []string) {
	text, err := os.ReadFile(c.log.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "upgrade to the binary on disk") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// lastWords is the end of the supervisor's log.
func (c *captain) lastWords(lines int) string {
	text, err := os.ReadFile(c.log.Name())
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(len(all)-lines, 0):], []byte("\n")))
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
		if built.dir, built.err = os.MkdirTemp("", "bulkhead-soak"); built.err != nil {
			return
		}
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

// crew is a program of the config.
type crew struct {
	name    string
	size    int // numprocs as the config has it
	least   int // by scale
	overlap bool
	verbs   []string
	toml    func(edition int) string // without numprocs
}

// chatters are the programs that print. every is the time between two lines, life
// how long those run that end by themselves.
func chatters(t *testing.T, dir, mark string, every, life time.Duration) []crew {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	toml := func(s style, life time.Duration, log, more string) func(int) string {
		return func(edition int) string {
			return fmt.Sprintf(`command = [%q]
environment = { %s = "chatter", %s, SOAK_EVERY = "%d", SOAK_STYLE = "%d", SOAK_LIFE = "%d", SOAK_RECORDS = %q, SOAK_EDITION = "%d", GORACE = "atexit_sleep_ms=0" }
autorestart             = true
startsecs               = 0
stdout_logfile          = %q
stdout_logfile_maxbytes = "40K"
stdout_logfile_backups  = 500
%s
`, exe, roleKey, strings.Replace(mark, "=", ` = "`, 1)+`"`, every.Milliseconds(), s, life.Milliseconds(), filepath.Join(dir, "records"), edition,
				filepath.Join(dir, "logs", log), more)
		}
	}
	errs := func(log string) string {
		return fmt.Sprintf("stderr_logfile = %q\nstderr_logfile_maxbytes = \"8K\"\nstderr_logfile_backups = 500", filepath.Join(dir, "logs", log))
	}
	return []crew{
		{name: "solo", size: 3, least: 2, verbs: []string{"toggle", "restart", "recycle", "scale", "burst", "burst", "rolling"},
			toml: toml(alone, 0, "solo_%(process_num)02d.out", errs("solo_%(process_num)02d.err"))},
		{name: "choir", size: 4, least: 2, verbs: []string{"toggle", "restart", "recycle", "scale", "burst", "burst", "update"},
			toml: toml(shared, 0, "choir.out", "redirect_stderr = true")},
		{name: "pair", size: 2, least: 1, overlap: true, verbs: []string{"toggle", "recycle", "rolling", "rolling", "burst"},
			toml: toml(shared, 0, "pair.out", errs("pair.err")+"\n[programs.pair.recycle]\noverlap = true\nparallel = 2\nmin_lifetime = \"0s\"\nmax_age = \""+life.String()+"\"")},
		{name: "brief", size: 2, least: 1, verbs: []string{"toggle", "restart", "scale"},
			toml: toml(alone, life, "brief_%(process_num)02d.out", errs("brief_%(process_num)02d.err"))},
	}
}

// keepForPeople saves what explains a failure: to BULKHEAD_RESULTS, where there is one.
func (s *soak) keepForPeople() {
	to := os.Getenv("BULKHEAD_RESULTS")
	if to == "" {
		return
	}
	to = filepath.Join(to, fmt.Sprintf("soak-%d", s.plan.Seed))
	if err := os.CopyFS(to, os.DirFS(s.dir)); err != nil { // sockets and pipes end it: they sort behind the rest
		s.say("cannot keep everything in %q: %v", to, err)
	}
}
