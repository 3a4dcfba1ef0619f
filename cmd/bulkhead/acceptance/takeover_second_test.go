package acceptance_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A second supervisor where one is already ends at once, and says who is there.
func TestTakeoverRefusesASecond(t *testing.T) {
	inModes(t, func(t *testing.T, cgroup string) {
		s := serve(t, cgroup, worker("w", "exec sleep 1000000", ""))
		s.await("w", "is up", in("RUNNING"))
		before := s.account()
		other := t.TempDir()
		for _, second := range []struct{ name, socket, stateDir string }{
			{"the same configuration", s.path("bulkhead.sock"), s.dir},
			{"the same socket", s.path("bulkhead.sock"), other},
			{"the same state directory", other + "/bulkhead.sock", s.dir},
		} {
			t.Run(second.name, func(t *testing.T) {
				config := other + "/second.toml"
				text := fmt.Sprintf("[supervisor]\nsocket = %q\nstate_dir = %q\ncgroup = %q\n%s", second.socket, second.stateDir, cgroup, worker("w", "exec sleep 1000000", ""))
				if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				out, code := s.second("serve", "-c", config)
				if code != 1 || !strings.Contains(out, strconv.Itoa(s.cmd.Process.Pid)) {
					t.Errorf("exit status %d, want 1 and pid %d\n%s", code, s.cmd.Process.Pid, out)
				}
			})
		}
		if diff := cmp.Diff(before, s.account()); diff != "" {
			t.Errorf("before (-), after (+)\n%s", diff)
		}
		s.keeps(crash)
		if n := len(marked(t, s.mark())); n != 2 {
			t.Errorf("%d processes are there, want the supervisor and its one program", n)
		}
	})
}

// second runs a supervisor that must end by itself.
func (s *supervisor) second(args ...string) (out string, code int) {
	s.t.Helper()
	cmd := exec.Command(s.bin, args...)
	cmd.Env = append(os.Environ(), s.mark())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // its exit status says all
	return said.String(), cmd.ProcessState.ExitCode()
}
