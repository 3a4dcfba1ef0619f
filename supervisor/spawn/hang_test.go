package spawn

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A child that cannot reach its exec holds up nobody: neither other starts,
// here or in os/exec, nor the collector, nor the end of a log.
func TestHangingChild(t *testing.T) {
	path, dir := cgroupDir(t)
	frozen := func(t *testing.T, s *Spec) (step, object string, born func() bool) {
		write(t, path+"/cgroup.freeze", "1")
		t.Cleanup(func() { write(t, path+"/cgroup.freeze", "0") })
		s.CgroupFD = dir
		return StepForkCgroup, path, func() bool { return slurp(path+"/cgroup.procs") != "" }
	}
	leased := func(t *testing.T, s *Spec) (step, object string, born func() bool) {
		path, reached, _ := leasedProgram(t)
		s.Argv = []string{path}
		return StepExec, path, reached
	}
	for name, hang := range map[string]func(*testing.T, *Spec) (string, string, func() bool){
		"frozen before its first instruction": frozen,
		"exec blocks":                         leased,
	} {
		t.Run(name, func(t *testing.T) {
			s := spec("true")
			step, object, born := hang(t, &s)
			fds := openFds(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			result := make(chan error, 1)
			go func() {
				_, err := Start(ctx, s)
				result <- err
			}()
			waitFor(born)
			for pid := range strings.Lines(slurp(path + "/cgroup.procs")) {
				if n, err := strconv.Atoi(strings.TrimSpace(pid)); err != nil || !Owned(n) {
					t.Errorf("the child %s is not owned before its exec", pid)
				}
			}
			runtime.GC()
			for range 20 {
				out, _, _ := output(t, spec("echo", "on"))
				if out != "on\n" {
					t.Errorf("neighbour said %q", out)
				}
			}
			if err := exec.Command("true").Run(); err != nil {
				t.Error(err)
			}
			select {
			case err := <-result:
				t.Fatalf("ended by itself: %v", err)
			default:
			}
			cancel(nil)
			err := <-result
			var e *Error
			if !errors.As(err, &e) || e.Step != step || e.Object != object || !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want step %s on %s cancelled", err, step, object)
			}
			noChildren(t)
			if n := openFds(t); n != fds {
				t.Errorf("open descriptors\n%s\nbefore\n%s", n, fds)
			}
		})
	}
}

func TestEndedContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Start(ctx, spec("true")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	noChildren(t)
}

// leasedProgram makes a program whose exec blocks until release is called (45 s at most):
// opening a file waits until its lease is given up.
func leasedProgram(t *testing.T) (path string, reached func() bool, release func()) {
	path = copyOf(t, "/bin/true")
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fd := int(f.Fd())
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	reached = func() bool {
		kind, _ := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		return kind != unix.F_WRLCK // being broken: somebody opens it
	}
	return path, reached, func() { f.Close() }
}

func waitFor(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// copyOf copies a program into the test's directory.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	name := filepath.Join(t.TempDir(), filepath.Base(path))
	to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}
