package acceptance_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"bulkhead/supervisor/control"
)

// TestPidOneTellsOfFatal: as process 1 of a container, the exit code of an orderly end
// says whether a program had been given up.
func TestPidOneTellsOfFatal(t *testing.T) {
	for _, c := range []struct {
		name, command string
		state         string
		code          int
	}{
		{"all is well", "sleep 1000", "RUNNING", 0},
		{"one was given up", "/nonexistent/command", "FATAL", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := prepare(t, "off")
			s.configure("[programs.good]\ncommand = \"sleep 1000\"\nstartsecs = 0\n[programs.other]\nstartsecs = 0\nstartretries = 0\ncommand = \"" + c.command + "\"\n")
			cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", s.bin, "serve", "-c", s.config)
			cmd.Env = append(os.Environ(), s.mark())
			cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			eventually(t, "other is "+c.state, func() bool {
				all, _, err := s.client.Status(ctx, "other")
				return err == nil && len(all) == 1 && all[0].State == c.state
			})
			if info, err := s.client.Version(ctx); err != nil || info.PID != 1 {
				t.Errorf("it is process %d, %v", info.PID, err)
			}
			if _, err := s.client.Do(ctx, control.Order{Verb: "shutdown"}); err != nil {
				t.Error(err)
			}
			err := cmd.Wait()
			var ended *exec.ExitError
			if err != nil && !errors.As(err, &ended) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			s.nothingLeft()
		})
	}
}
