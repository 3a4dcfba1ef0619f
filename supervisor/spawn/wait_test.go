package spawn

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		script string
		want   Status
		text   string
	}{
		{"exit 0", Status{}, "exit code 0"},
		{"exit 12", Status{Code: 12}, "exit code 12"},
		{"exit 255", Status{Code: 255}, "exit code 255"},
		{"kill -KILL $$", Status{Code: -1, Signal: syscall.SIGKILL}, "signal 9 (killed)"},
		{"kill -TERM $$", Status{Code: -1, Signal: syscall.SIGTERM}, "signal 15 (terminated)"},
	} {
		child, err := Start(context.Background(), spec("sh", "-c", c.script))
		if err != nil {
			t.Fatal(err)
		}
		got := await(t, child)
		if got.Usage.Maxrss == 0 {
			t.Errorf("%s: no usage", c.script)
		}
		again, ok, err := child.TryWait()
		if again != got || !ok || err != nil {
			t.Errorf("%s: the second time %v %v %v", c.script, again, ok, err)
		}
		got.Usage = syscall.Rusage{}
		if got != c.want || got.String() != c.text {
			t.Errorf("%s: %+v %q, want %+v %q", c.script, got, got, c.want, c.text)
		}
		if err := child.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: signal to the dead: %v", c.script, err)
		}
		child.Close()
	}
	noChildren(t)
}

func TestRunningChild(t *testing.T) {
	for _, withPidfd := range []bool{true, false} {
		child, err := Start(context.Background(), spec("sleep", "1000"))
		if err != nil {
			t.Fatal(err)
		}
		fd := child.PidFD
		if !withPidfd {
			child.PidFD = -1 // as before 5.2
		}
		if _, ok, err := child.TryWait(); ok || err != nil {
			t.Errorf("running: %v %v", ok, err)
		}
		if !Owned(child.PID) {
			t.Error("not owned while running")
		}
		if err := child.Signal(syscall.Signal(99)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("impossible signal: %v", err)
		}
		if err := child.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		var info unix.Siginfo // wait for the end, leave the status
		if err := unix.Waitid(unix.P_PIDFD, fd, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		if err := child.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("signal to a zombie: %v", err)
		}
		if s, ok, err := child.TryWait(); !ok || err != nil || s.Signal != syscall.SIGKILL {
			t.Errorf("killed: %v %v %v", s, ok, err)
		}
		if Owned(child.PID) {
			t.Error("owned after its end")
		}
		child.Close()
		child.Close()
		if !withPidfd {
			unix.Close(fd)
		}
	}
	noChildren(t)
}
