package acceptance_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// asking is a `bulkhead ctl` that runs.
type asking struct {
	cmd  *exec.Cmd
	said bytes.Buffer
}

// ask starts `bulkhead ctl ARG...` and leaves it to wait for its answer.
func (s *supervisor) ask(args ...string) *asking {
	s.t.Helper()
	a := &asking{cmd: exec.Command(s.bin, append([]string{"ctl", "-c", s.config}, args...)...)}
	a.cmd.Stdout, a.cmd.Stderr = &a.said, &a.said
	if err := a.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// answered demands what it says in the end, with exit status 0.
func (a *asking) answered(t *testing.T, want string) {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = a.cmd.Process.Kill() })
	defer late.Stop()
	if err := a.cmd.Wait(); err != nil || strings.TrimSpace(a.said.String()) != want {
		t.Errorf("%q: %v\n%swant %s", a.cmd.Args[4:], err, &a.said, want)
	}
}

// What a client has asked is answered to the end, over however many upgrades.
func TestUpgradeKeepsOrdersInHand(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := prepare(t, cgroup)
		release := s.path("release")
		names := []string{"stops", "restarts", "removed", "recycles"}
		slow := func(name string) string {
			return worker(name, `trap 'echo TERM; asked=1' TERM; echo up
while [ -z "$asked" ] || [ ! -e '`+release+`' ]; do sleep 0.05; done; exit 0`,
				"stopwaitsecs = 1000\nstdout_logfile = '"+s.path(name+".log")+"'\n[programs."+name+".recycle]\nmin_lifetime = 0\n")
		}
		kept := slow("stops") + slow("restarts") + slow("recycles")
		s.configure(kept + slow("removed"))
		s.start()
		for _, name := range names {
			eventually(t, name+" is up", func() bool { return len(slurpLines(s.path(name+".log"), "up")) == 1 })
		}
		s.configure(kept + worker("fresh", "exec sleep 1000000", ""))
		hand := map[string]*asking{
			"stops: stopped":     s.ask("stop", "stops"),
			"restarts":           s.ask("restart", "restarts"),
			"recycles: recycled": s.ask("recycle", "recycles"),
			"update":             s.ask("update"),
		}
		for _, name := range names {
			eventually(t, name+" was asked", func() bool { return len(slurpLines(s.path(name+".log"), "TERM")) == 1 })
		}
		for range 3 {
			s.upgrade()
		}
		touch(t, release)
		for want, a := range hand {
			switch want {
			case "restarts":
				want = "restarts: stopped\nrestarts: started"
			case "update":
				want = "fresh: added process group\nremoved: stopped\nremoved: removed process group"
			}
			a.answered(t, want)
		}
		for name, want := range map[string]uint64{"stops": 1, "restarts": 2, "recycles": 2, "fresh": 1} {
			if st := s.one(name); st.Run != want || st.Restarts != 0 {
				t.Errorf("%+v, want run %d", st, want)
			}
		}
		for _, name := range names {
			if n := len(slurpLines(s.path(name+".log"), "TERM")); n != 1 {
				t.Errorf("%s was asked %d times, want once", name, n)
			}
		}
	})
}

// ticker is a worker that writes "line 1", "line 2", … without an end.
const ticker = `i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.002; done`

// Who follows events or a log misses nothing and is told nothing twice, idle
// connections stay usable, and no worker's line is lost.
func TestUpgradeKeepsStreams(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := prepare(t, cgroup)
		log := s.path("ticks.log")
		s.configure(worker("ticks", ticker, "stdout_logfile = '"+log+"'") + worker("w", "exec sleep 1000000", "") + worker("busy", "exit 0", "autorestart = true"))
		s.start()
		events := s.events
		eventually(t, "it ticks", func() bool { return len(slurpLines(log, "line ")) > 0 })
		followed := s.tail("ticks")
		idle := make([]*idleClient, 50)
		for i := range idle {
			idle[i] = s.idle(t)
		}
		for range 5 {
			seen := len(slurpLines(log, "line "))
			if out := s.ask("upgrade"); out.cmd.Wait() != nil {
				t.Errorf("ctl upgrade: %s", &out.said)
			} else if want := fmt.Sprintf("upgraded: %s -> %[1]s (pid %d)\n", s.version(), s.cmd.Process.Pid); out.said.String() != want {
				t.Errorf("ctl upgrade says %q, want %q", &out.said, want)
			}
			s.ctl("restart", "w")
			eventually(t, "it ticks on", func() bool { return len(slurpLines(log, "line ")) > seen+5 })
		}
		for _, c := range idle {
			c.ask(t)
		}
		events.await(t, "the last restart", atLeast(6, func(e control.Event) bool { return e.Kind == "ready" && e.Name == "w" }))
		if events.lost {
			t.Error("the event stream has a gap")
		}
		s.ctl("stop", "ticks")
		lines := slurpLines(log, "line ")
		for i, line := range lines {
			if line != fmt.Sprint(i+1) {
				t.Fatalf("line %d of the log is %q", i+1, line)
			}
		}
		if !followed.has(lines) {
			t.Errorf("what tail -f gave is not the log, of %d lines", len(lines))
		}
	})
}

func (s *supervisor) version() string {
	s.t.Helper()
	info, err := s.client.Version(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Version
}

// idleClient is a connection that has asked once and may ask again.
type idleClient struct {
	conn net.Conn
	read *bufio.Reader
}

func (s *supervisor) idle(t *testing.T) *idleClient {
	t.Helper()
	conn, err := net.Dial("unix", s.path("bulkhead.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &idleClient{conn, bufio.NewReader(conn)}
	c.ask(t)
	return c
}

// ask gets the status.
func (c *idleClient) ask(t *testing.T) {
	t.Helper()
	if err := c.status(); err != nil {
		t.Fatal(err)
	}
}

func (c *idleClient) status() error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, "GET /v1/status HTTP/1.1\r\nHost: bulkhead\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered with %s", resp.Status)
	}
	return nil
}

// tailed is what a `tail -f` has given so far.
type tailed struct {
	mu   sync.Mutex
	text []byte
}

// tail follows the log of an instance from its beginning.
func (s *supervisor) tail(name string) *tailed {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := s.client.Tail(ctx, name, "stdout", 1<<20, true)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cancel(); r.Close() })
	f := &tailed{}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			f.mu.Lock()
			f.text = append(f.text, buf[:n]...)
			f.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return f
}

// has waits until as many lines are there, and says whether they are the same.
func (f *tailed) has(lines []string) bool {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		f.mu.Lock()
		var got []string
		for line := range strings.Lines(string(f.text)) {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(line, "line "), "\n"))
		}
		f.mu.Unlock()
		if len(got) >= len(lines) || time.Now().After(end) {
			return slices.Equal(got, lines)
		}
	}
}
