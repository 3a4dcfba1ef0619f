package supervisor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

// asks is a program that lives on and is asked by a script, under a timeout.
func asks(t *testing.T, script string, timeout time.Duration) conf.Program {
	return shell(t, "exec sleep 1000", func(p *conf.Program) {
		p.Health.Timeout = timeout
		p.Instances[0].Checks.Command = []string{"/bin/sh", "-c", script}
		p.Instances[0].Environment = map[string]string{"OWN": "its own"}
	})
}

// ask has a run asked, and returns the answer.
func (w *reality) ask(r ref, p *conf.Program) checked {
	w.t.Helper()
	w.check(r, p, &p.Instances[0])
	e := await[checked](w)
	if e.ref != r {
		w.t.Fatalf("an answer of another: %+v", e)
	}
	return e
}

// finish ends a run and all that is left of it.
func (w *reality) finish(r ref) {
	w.t.Helper()
	w.kill(r)
	if e := await[exited](w); e.left {
		await[emptied](w)
	}
	w.over(r)
}

// A check runs with what the program runs with, where the kernel sees it as part of it,
// and is not taken for it.
func TestCheckCommand(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		w.notifyPath = "/nonexistent/notify"
		dir := t.TempDir()
		seen := filepath.Join(dir, "seen")
		p := asks(t, "{ echo $OWN; pwd; env; cat /proc/self/cgroup; } > "+seen+"; cat /proc/self/oom_score_adj >> "+seen, time.Minute)
		p.Notify, p.Health.Watchdog = true, 3*time.Second
		p.Instances[0].Directory = dir
		p.Process.OOMScoreAdj = 321
		r, run := w.up(p)
		if e := w.ask(r, &p); e.err != nil || e.off {
			t.Fatalf("%+v", e)
		}
		text, err := os.ReadFile(seen)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if lines[0] != "its own" || lines[1] != dir || lines[len(lines)-1] != "321" {
			t.Errorf("%q", lines)
		}
		for _, own := range ownVars {
			if strings.Contains(string(text), own+"=") {
				t.Errorf("it has %s, as if it were the program", own)
			}
		}
		if path := run.comp.Path(); path != "" && !strings.Contains(string(text), filepath.Base(path)) {
			t.Errorf("not in %s: %s", path, text)
		}
		w.finish(r)
	})
}

func TestCheckCommandFails(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		p := asks(t, "echo no such queue; exit 3", time.Minute)
		r, _ := w.up(p)
		if e := w.ask(r, &p); e.off || e.what != "command" || e.err == nil || e.err.Error() != "exit code 3: no such queue" {
			t.Errorf("%+v", e)
		}
		p = asks(t, "sleep 1000", 50*time.Millisecond)
		if e := w.ask(r, &p); e.off || e.err == nil || e.err.Error() != "no answer within 50ms" {
			t.Errorf("%+v", e)
		}
		p.EnvFile = "/nonexistent/.env"
		if e := w.ask(r, &p); e.off || e.err == nil || !strings.Contains(e.err.Error(), "/nonexistent/.env") {
			t.Errorf("%+v", e)
		}
		w.finish(r)
	})
}

// fifo is what a script writes to when it runs.
func fifo(t *testing.T) (path string, written func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "runs")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		if _, err := os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
}

// The end of a run does not wait for its check, which is not left over from it either.
func TestEndDuringACheck(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		path, written := fifo(t)
		p := asks(t, "echo > "+path+"; exec sleep 1000", time.Hour)
		r, run := w.up(p)
		w.check(r, &p, &p.Instances[0])
		written()
		if err := run.child.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if e := await[exited](w); e.left {
			t.Errorf("its check is taken for what it has left behind: %+v", e)
		}
		if e := await[checked](w); !e.off {
			t.Errorf("%+v", e)
		}
		w.check(r, &p, &p.Instances[0])
		if e := await[checked](w); !e.off {
			t.Errorf("asked after its end: %+v", e)
		}
		w.over(r)
	})
}

// Before an exec no check is left, and none begins until it has failed.
func TestHoldChecks(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		path, written := fifo(t)
		p := asks(t, "echo > "+path+"; exec sleep 1000", time.Hour)
		r, _ := w.up(p)
		w.check(r, &p, &p.Instances[0])
		written()
		release := w.checks.hold()
		if e := await[checked](w); !e.off {
			t.Errorf("%+v", e)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := w.checks.under.over(ctx, "a check"); err != nil {
			t.Error(err)
		}
		if e := w.ask(r, &p); !e.off {
			t.Errorf("%+v", e)
		}
		release()
		p = asks(t, "exit 4", time.Minute)
		if e := w.ask(r, &p); e.off || e.err == nil {
			t.Errorf("%+v", e)
		}
		w.finish(r)
	})
}

// All there is to ask is asked, in order, until something is wrong.
func TestChecksInOrder(t *testing.T) {
	w := newReality(t, noTree(t))
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }))
	defer s.Close()
	p := asks(t, "exit 4", time.Minute)
	r, _ := w.up(p)
	address := s.Listener.Addr().String()
	p.Instances[0].Checks.HTTP, p.Instances[0].Checks.TCP = s.URL+"/ping", "127.0.0.1:1"
	say := func(want string) {
		t.Helper()
		e := w.ask(r, &p)
		got := ""
		if e.err != nil {
			got = e.what + ": " + e.err.Error()
		}
		if got != want || e.off {
			t.Errorf("%q (off %v), want %q", got, e.off, want)
		}
	}
	status = http.StatusServiceUnavailable
	say("http " + s.URL + "/ping: status 503")
	status = http.StatusOK
	say("tcp 127.0.0.1:1: connection refused")
	p.Instances[0].Checks.TCP = address
	say("command: exit code 4")
	p.Instances[0].Checks.Command = nil
	say("")
	s.Close()
	say("http " + s.URL + "/ping: connection refused")
	w.finish(r)
}

// More than there are places for wait, and one that is ended while it waits came to nothing.
func TestChecksAreBounded(t *testing.T) {
	w := newReality(t, noTree(t))
	for range commandsMost {
		w.checks.commands <- struct{}{}
	}
	p := asks(t, "exit 0", time.Minute)
	r, run := w.up(p)
	w.check(r, &p, &p.Instances[0])
	run.asked.stop()
	if e := await[checked](w); !e.off {
		t.Errorf("%+v", e)
	}
	w.finish(r)
}

// When a run printed last and was petted last is known without the loop.
func TestRealSigns(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		path, written := fifo(t)
		p := shell(t, "read x; echo hello; echo >"+path+"; exec sleep 1000", func(p *conf.Program) { p.Stdin = true })
		r, run := w.up(p)
		if s := w.signs(r); !s.output.IsZero() || !s.pet.IsZero() {
			t.Errorf("%+v of a run that was silent", s)
		}
		before := time.Now()
		w.say(r, []byte("\n"))
		written()
		run.pumps[0].Drain(patience)
		run.notified([]byte("WATCHDOG=1"))
		if s := w.signs(r); s.output.Before(before) || s.pet.Before(s.output) || time.Now().Before(s.pet) {
			t.Errorf("%+v, since %v", s, before)
		}
		run.notified([]byte("WATCHDOG=trigger"))
		if e := await[triggered](w); e.ref != r {
			t.Errorf("%+v", e)
		}
		w.finish(r)
		if s := w.signs(r); s != (signs{}) {
			t.Errorf("%+v of a run that is gone", s)
		}
	})
}

// What it is told of the watchdog is what its record says.
func TestWatchdogInTheEnvironment(t *testing.T) {
	for _, tt := range []struct {
		notify bool
		socket string
		want   string
		record time.Duration
	}{
		{true, "/run/x", "2500000", 2500 * time.Millisecond},
		{false, "/run/x", "", 0},
		{true, "", "", 0},
	} {
		b := &birth{host: newHost(&conf.Config{}, noTree(t), nil, newGoTimer(), nil, nil),
			inst: &conf.Instance{}, prog: &conf.Program{Notify: tt.notify, Health: conf.Health{Watchdog: 2500 * time.Millisecond}}}
		b.host.notifyPath = tt.socket
		env, err := b.environment()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, entry := range env {
			if v, ok := strings.CutPrefix(entry, "WATCHDOG_USEC="); ok {
				got = v
			}
		}
		if got != tt.want || b.watchdog() != tt.record {
			t.Errorf("%+v: %q, %v", tt, got, b.watchdog())
		}
	}
}

// The words for an answer that did not come name the time.
func TestNoAnswer(t *testing.T) {
	if err := noAnswer(conf.Health{Timeout: 5 * time.Second}); !strings.Contains(err.Error(), "5s") || errors.Is(err, errRefused) {
		t.Error(err)
	}
}

// noTree is a host without cgroups.
func noTree(t *testing.T) *cgroup.Tree {
	t.Helper()
	off, err := cgroup.Open(cgroup.Options{Mode: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(off.Close)
	return off
}
