package spawn

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stranger starts a process whose parent is another than we, and that ends as
// script says once it can read a line. The parent takes its status.
func stranger(t *testing.T, script string) (pid int, end func()) {
	t.Helper()
	shell := exec.Command("sh", "-c", `exec 3<&0; sh -c "read x; $0" <&3 & echo $!; wait`, script)
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = shell.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return pid, func() { _, _ = in.Write([]byte("\n")) }
}

func TestAdoptStranger(t *testing.T) {
	for script, want := range map[string]Status{
		"exit 7":        {Code: 7},
		"exit 0":        {},
		"kill -KILL $$": {Code: -1, Signal: syscall.SIGKILL},
	} {
		pid, end := stranger(t, script)
		start, err := StartTime(pid)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Adopt(pid, start)
		if err != nil {
			t.Fatal(err)
		}
		if c.Ours() {
			t.Error("a stranger is taken for a child")
		}
		if s, ended, err := c.TryWait(); ended || err != nil {
			t.Errorf("alive: %v %v %v", s, ended, err)
		}
		if err := c.Signal(0); err != nil {
			t.Error(err)
		}
		end()
		if s := await(t, c); !s.Unknown || s.Code != -1 {
			t.Errorf("%s: %+v, want unknown", script, s)
		}
		if told, ok := c.Told(10 * time.Second); ok && told != want {
			t.Errorf("%s: the kernel told %+v, want %+v", script, told, want)
		} else if !ok && kernelTells() {
			t.Errorf("%s: this kernel could tell, and did not", script)
		}
		if err := c.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal to the dead: %v", err)
		}
		c.Close()
	}
}

// kernelTells: PIDFD_INFO_EXIT is there from Linux 6.15.
func kernelTells() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	parts := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	return major > 6 || major == 6 && minor >= 15
}

// TestAdoptChild is what an upgrade sees: the process is still a child, alive
// or ended meanwhile.
func TestAdoptChild(t *testing.T) {
	first, err := Start(context.Background(), spec("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	ready := []unix.PollFd{{Fd: int32(first.PidFD), Events: unix.POLLIN}}
	for ready[0].Revents == 0 {
		_, _ = unix.Poll(ready, -1)
	}
	start, err := StartTime(first.PID) // of a zombie
	if err != nil {
		t.Fatal(err)
	}
	disown(first.PID) // the exec forgets it
	second, err := Adopt(first.PID, start)
	if err != nil {
		t.Fatal(err)
	}
	if !second.Ours() || !Owned(second.PID) {
		t.Error("a child is taken for a stranger")
	}
	if s := await(t, second); s.Code != 3 || s.Unknown {
		t.Errorf("%+v, want exit code 3", s)
	}
	second.Close()
	first.Close()
	noChildren(t)
}

func TestAdoptNobody(t *testing.T) {
	if _, err := Adopt(os.Getpid(), 1); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a number given out again: %v", err)
	}
	c, err := Start(context.Background(), spec("true"))
	if err != nil {
		t.Fatal(err)
	}
	await(t, c)
	c.Close()
	if _, err := Adopt(c.PID, 1); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a process that is gone: %v", err)
	}
	if _, err := StartTime(c.PID); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("start time of a process that is gone: %v", err)
	}
}
