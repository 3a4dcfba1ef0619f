package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

func TestSiginfoIsTheKernels(t *testing.T) {
	if unsafe.Sizeof(siginfo{}) != unsafe.Sizeof(unix.Siginfo{}) || unsafe.Offsetof(siginfo{}.child) != 16 {
		t.Errorf("%d bytes, the pid at %d", unsafe.Sizeof(siginfo{}), unsafe.Offsetof(siginfo{}.child))
	}
}

// An orphan is a child of a child: handed to us when its parent died.
func TestOrphansAreReapedAndOursAreNot(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	own, err := spawn.Start(t.Context(), spawn.Spec{Argv: []string{"/bin/sh", "-c", "exit 5"}, Umask: -1, Stdout: -1, Stderr: -1, CgroupFD: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	out, err := exec.Command("/bin/sh", "-c", "sh -c 'exec sleep 0.05' >/dev/null & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	orphan := atoi(t, strings.TrimSpace(string(out)))
	gone(t, orphan)
	gone(t, own.PID)
	if ppid := parent(t, orphan); ppid != os.Getpid() {
		t.Fatalf("the orphan's parent is %d, not this test", ppid)
	}
	// Ours hides the orphan or does not; either way it stays ours.
	reapAll()
	s, ended, err := own.TryWait()
	if err != nil || !ended || s.Code != 5 {
		t.Errorf("the status of our own child is %+v, %v, %v", s, ended, err)
	}
	reapAll()
	var info siginfo
	if err := unix.Waitid(unix.P_ALL, 0, info.raw(), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %d, %v", info.pid(), err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", orphan)); err == nil {
		t.Error("the orphan is still a zombie")
	}
}

func parent(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return atoi(t, strings.Fields(rest)[1])
}

// As PID 1 of a namespace of its own, the supervisor takes every orphan's status.
func TestReapingAsPID1(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperVar+"=init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func initHelper() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() { reapOrphans(ctx); close(ended) }()
	// Three orphans at different times, from a child of our own.
	own, err := spawn.Start(ctx, spawn.Spec{Argv: []string{"/bin/sh", "-c", "for t in 0 0.05 0.1; do sleep $t & done; exit 5"},
		Env: os.Environ(), Umask: -1, Stdout: -1, Stderr: -1, CgroupFD: -1})
	if err != nil {
		return err
	}
	late := time.Now().Add(patience)
	for taken := false; ; time.Sleep(5 * time.Millisecond) {
		if !taken {
			s, done, err := own.TryWait()
			if err != nil || done && s.Code != 5 {
				return fmt.Errorf("our own child: %+v, %v", s, err)
			}
			taken = done
		}
		var info siginfo
		err := unix.Waitid(unix.P_ALL, 0, info.raw(), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if taken && err == unix.ECHILD {
			break
		}
		if time.Now().After(late) {
			return fmt.Errorf("after %v a child is left: %d, %v", patience, info.pid(), err)
		}
	}
	cancel()
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
		return errors.New("reapOrphans does not end")
	}
}
