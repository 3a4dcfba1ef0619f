package spawn

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestForegroundStandsInOurPlace(t *testing.T) {
	defer ignoreSome()()
	path := filepath.Join(t.TempDir(), "kept")
	kept, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600) // as Prepare leaves what we inherited
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(kept)
	other, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	s := spec("sh", "-c", fmt.Sprintf(`{ ls /proc/$$/fd; echo --; cat /proc/$$/stat; cat /proc/$$/status; readlink /proc/$$/fd/0; } >/proc/$$/fd/%d`, kept))
	if kept < 20 {
		t.Fatalf("descriptor %d may be one of the shell's own", kept)
	}
	s.OOMScoreAdj = min(ownScore()+100, 1000)
	s.Foreground = &Foreground{Keep: []int{kept}, Ignored: []syscall.Signal{unix.SIGHUP, unix.SIGINT}}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if status, err := c.Wait(); err != nil || status.Code != 0 || len(c.Warnings) > 0 {
		t.Errorf("%v %v %v", status, err, c.Warnings)
	}
	if _, err := c.Wait(); err != nil {
		t.Errorf("waiting again: %v", err)
	}
	out := slurp(path)
	fds, rest, _ := strings.Cut(out, "--\n")
	want := []string{"0", "1", "2", fmt.Sprint(kept)}
	ownCopy := func(fd string) bool { return len(fd) == 2 && fd < "20" } // a shell keeps copies from 10 on
	if got := slices.DeleteFunc(strings.Fields(fds), ownCopy); !slices.Equal(got, want) {
		t.Errorf("open are %q, want %q", got, want)
	}
	session, _ := unix.Getsid(0)
	if want := fmt.Sprintf(" %d %d ", unix.Getpgrp(), session); !strings.Contains(rest, want) {
		t.Errorf("not in our process group and session%s: %s", want, rest)
	}
	if !strings.Contains(rest, "\nSigIgn:\t0000000000000003\n") {
		t.Errorf("want SIGHUP and SIGINT ignored, and nothing else: %s", rest)
	}
	stdin, _ := os.Readlink("/proc/self/fd/0")
	if !strings.HasSuffix(rest, "\n"+stdin+"\n") {
		t.Errorf("standard input is not %q: %s", stdin, rest)
	}
	noChildren(t)
}

// startForeground is a caller that is killed.
func startForeground() {
	runtime.LockOSThread()
	s := spec("sleep", "1000")
	s.Foreground = &Foreground{}
	c, err := Start(context.Background(), s)
	if err != nil {
		panic(err)
	}
	fmt.Println(c.PID)
	_, _ = c.Wait()
}

func TestForegroundEndsWithUs(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := spec("/proc/self/exe")
	s.Env = append(s.Env, "SPAWN_TEST_ROLE=foreground")
	if err := withFd(w, func(fd int) error { s.Stdout = fd; return nil }); err != nil {
		t.Fatal(err)
	}
	c, err := Start(context.Background(), s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var pid int
	if _, err := fmt.Fscan(r, &pid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := c.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil {
		t.Error(err)
	}
	for { // its end is what the test waits for
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); err != unix.EINTR {
			break
		}
	}
}

func TestInherited(t *testing.T) {
	plain, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(plain)
	closed, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(closed)
	got, err := Inherited()
	if err != nil || !slices.Contains(got, plain) || slices.Contains(got, closed) || slices.Contains(got, 1) {
		t.Errorf("%v, %v; want %d among them, %d and 1 not", got, err, plain, closed)
	}
}
