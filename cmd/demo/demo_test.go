package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// builtIn is where built has put them.
var builtIn string

// built are the two programs as make run builds them.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "demo-test-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "bulkhead/cmd/bulkhead", "bulkhead/cmd/demo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	return dir, nil
})

// binaries builds them for one test's time.
func binaries(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// demoRun is one demo from outside: what it printed, how it ended, and which
// cgroups its processes were seen in.
type demoRun struct {
	out     string
	code    int
	cgroups map[string]bool
	tmp     string
}

// writer hands on what is written, and calls see with all of it so far.
type writer struct {
	mu  sync.Mutex
	buf bytes.Buffer
	see func(string)
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	if w.see != nil {
		w.see(w.buf.String())
	}
	return len(p), nil
}

// perform runs a demo to its end. interruptAt is a text at which Ctrl-C is
// pressed; "" never.
func perform(t *testing.T, exe string, env []string, interruptAt string, args ...string) demoRun {
	t.Helper()
	return performAs(t, nil, exe, env, interruptAt, args...)
}

// performAs is perform with another user or cgroup than ours.
func performAs(t *testing.T, as *syscall.SysProcAttr, exe string, env []string, interruptAt string, args ...string) demoRun {
	t.Helper()
	r := demoRun{tmp: t.TempDir(), cgroups: map[string]bool{}}
	for _, dir := range []string{r.tmp, filepath.Dir(r.tmp)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+r.tmp), env...)
	cmd.SysProcAttr = as
	w := &writer{}
	if interruptAt != "" {
		var once sync.Once
		w.see = func(all string) {
			if strings.Contains(all, interruptAt) {
				once.Do(func() { _ = cmd.Process.Signal(syscall.SIGINT) })
			}
		}
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.lookOn(over) })
	_ = cmd.Wait() // the exit code tells
	close(over)
	wg.Wait()
	r.out, r.code = w.buf.String(), cmd.ProcessState.ExitCode()
	return r
}

// lookOn notes from /proc which cgroups the demo's processes are in.
func (r *demoRun) lookOn(over <-chan struct{}) {
	again := time.NewTicker(300 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-over:
			return
		case <-again.C:
		}
		for _, proc := range r.processes() {
			own, _ := os.ReadFile(proc + "/cgroup") // it may be gone by now
			for line := range strings.Lines(string(own)) {
				if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && strings.Contains(path, "/bulkhead") {
					for _, mount := range cgroupMounts() {
						r.cgroups[filepath.Join(mount, path)] = true
					}
				}
			}
		}
	}
}

// processes are the demo's own, told by its directory in their environment.
func (r *demoRun) processes() []string {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, proc := range procs {
		env, _ := os.ReadFile(proc + "/environ")
		if bytes.Contains(env, []byte(tagName+"="+r.tmp)) {
			found = append(found, proc)
		}
	}
	return found
}

// wantClean fails when anything of the demo is left.
func (r *demoRun) wantClean(t *testing.T) {
	t.Helper()
	if left := r.processes(); len(left) > 0 {
		t.Errorf("processes left behind: %q", left)
	}
	if left, err := os.ReadDir(r.tmp); err != nil || len(left) > 0 {
		t.Errorf("files left behind: %v (%v)", left, err)
	}
	for dir := range r.cgroups {
		for _, dir := range []string{dir, treeOf(dir)} {
			if _, err := os.Lstat(dir); dir != "" && err == nil {
				t.Errorf("cgroup left behind: %s", dir)
			}
		}
	}
	if !strings.Contains(r.out, "yes  nothing is left behind") {
		t.Error("the demo does not say that nothing is left behind")
	}
}

// wantAll fails unless the three things were seen and told.
func (r *demoRun) wantAll(t *testing.T) {
	t.Helper()
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	flat := strings.Join(strings.Fields(r.out), " ") // whatever the lines
	for _, want := range []string{
		"over max_memory: ", "recycled: max_memory", "recycled: max_jobs", "memory_max 48M",
		"yes a worker recycled at its memory line: report after",
		"yes a worker OOM-killed in its own compartment: import:import_0",
		"yes its neighbours went on: import:import_0",
		"yes a worker recycled after max_jobs: mail:mail_0",
		"yes nothing else ended",
		"yes every other job was finished",
		"$ bulkhead ctl status", "$ bulkhead ctl why report import:* mail:* report ", "uptime 0:00:", "job in hand: App", "no run has ended yet",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("not in the output: %q", want)
		}
	}
	if strings.Contains(r.out, "\x1b") {
		t.Error("colours, though this is no terminal")
	}
	if strings.Contains(flat, " NO ") {
		t.Error("the demo judges itself to have failed")
	}
	if t.Failed() {
		t.Logf("output:\n%s", r.out)
	}
}

// TestDemo is make run. It runs alone, so that it may have the cgroup tree.
func TestDemo(t *testing.T) {
	r := perform(t, binaries(t)+"/demo", nil, "")
	r.wantAll(t)
	r.wantClean(t)
	if n := strings.Count(r.out, "Enforced by "); n != 1 {
		t.Errorf("it says %d times who enforces", n)
	}
}

// TestCtrlC ends a demo at several moments.
func TestCtrlC(t *testing.T) {
	for name, at := range map[string]string{
		"while it begins":   "configuration:",
		"in the middle":     "memory now",
		"while it recycles": "asked to end",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := perform(t, binaries(t)+"/demo", nil, at)
			if r.code != exitInterrupted || !strings.Contains(r.out, "Interrupted") {
				t.Errorf("exit code %d\n%s", r.code, r.out)
			}
			r.wantClean(t)
		})
	}
}

// TestBrokenBulkhead puts something else in bulkhead's place.
func TestBrokenBulkhead(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"ends at once":       {"echo cannot start: no way; exit 3", "cannot start: no way"},
		"says nothing":       {"exec sleep 60", "does not answer after 5s"},
		"ends in the middle": {`[ "$1" = ctl ] && exec "$REAL" "$@"; timeout -s TERM 3 "$REAL" "$@"`, "ended by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := binaries(t)
			fake := filepath.Join(t.TempDir(), "bulkhead")
			if err := os.WriteFile(fake, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			r := perform(t, dir+"/demo", []string{"REAL=" + dir + "/bulkhead"}, "", "-bulkhead", fake)
			if r.code != exitFailed || !strings.Contains(r.out, c.want) {
				t.Errorf("exit code %d, want 1 and %q in:\n%s", r.code, c.want, r.out)
			}
			r.wantClean(t)
		})
	}
}

func TestNoBulkhead(t *testing.T) {
	r := perform(t, binaries(t)+"/demo", nil, "", "-bulkhead", "/nowhere/bulkhead")
	if r.code != exitFailed || !strings.Contains(r.out, `cannot find a bulkhead to run at "/nowhere/bulkhead"`) {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
}
