package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/conf"
)

// configVar names the configuration of a helper that serves.
const configVar = "SUPERVISOR_TEST_CONFIG"

type boom struct{}

func (boom) do(*loop) { panic("boom") }

// helperServer is a supervisor in a process of its own. do gets it once it is up
// and everything runs.
func helperServer(do func(s *server, runs []*view)) error {
	env, err := conf.HostEnv()
	if err != nil {
		return err
	}
	c, _, err := conf.Read(os.Getenv(configVar), env)
	if err != nil {
		return err
	}
	s, err := newServer(Options{Config: c, Version: "test"})
	if err != nil {
		return err
	}
	go func() {
		<-s.loop.begun
		for {
			snap, changed := s.loop.publish.get()
			running := 0
			for _, v := range snap.views {
				if v.State == "RUNNING" {
					running++
				}
			}
			if running == len(snap.views) {
				do(s, snap.views)
				return
			}
			<-changed
		}
	}()
	s.live(context.Background())
	return nil
}

// panicHelper panics in the loop.
func panicHelper() error {
	return helperServer(func(s *server, runs []*view) {
		printRuns(runs)
		s.loop.post(boom{})
	})
}

// heirHelper stops everything, once it has said what runs.
func heirHelper() error {
	return helperServer(func(s *server, runs []*view) {
		printRuns(runs)
		s.loop.post(endRequest{})
	})
}

func printRuns(runs []*view) {
	for _, v := range runs {
		fmt.Printf("%s run %d pid %d\n", v.FullName(), v.Run, v.PID)
	}
}

// TestPanic has the loop panic. That costs no more than a SIGKILL: the programs
// run on, the socket stays, and the next supervisor finds all as it was.
func TestPanic(t *testing.T) {
	for _, cgroup := range []string{"auto", "off"} {
		t.Run(cgroup, func(t *testing.T) {
			dir := t.TempDir()
			config, socket := filepath.Join(dir, "b.toml"), filepath.Join(dir, "b.sock")
			text := fmt.Sprintf("[supervisor]\nsocket = %q\nstate_dir = %q\ncgroup = %q\n", socket, dir, cgroup) +
				"[programs.w]\ncommand = \"sleep 1000\"\nnumprocs = 3\nstartsecs = 0\nstdout_logfile = \"none\"\n"
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			before, said, err := helperRuns(t, "panic", config)
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(said, "panic: boom") {
				t.Errorf("the end: %v, it said:\n%s", err, said)
			}
			for _, path := range []string{socket, filepath.Join(dir, "b.notify.sock")} {
				if _, err := os.Lstat(path); err != nil {
					t.Errorf("the socket is gone: %v", err)
				}
			}
			after, said, err := helperRuns(t, "heir", config)
			if err != nil || after != before || strings.Count(before, "\n") != 3 || strings.Count(said, "taken over from") != 3 {
				t.Errorf("before\n%safter\n%s(%v) it said:\n%s", before, after, err, said)
			}
		})
	}
}

// helperRuns runs a helper to its end, and returns what it printed and logged.
func helperRuns(t *testing.T, name, config string) (out, log string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"="+name, configVar+"="+config)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}
