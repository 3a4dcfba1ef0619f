//go:build kernel

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for the kernel; guests are slow.
const patience = 60 * time.Second

const mib = 1 << 20

// place makes a cgroup of the test's own whose children have every controller
// there is, moves this process back out at the end and removes it. Without a
// memory controller the test fails: what it is about cannot be seen then.
func place(t testing.TB) string {
	t.Helper()
	base := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	if base == "" {
		t.Fatal("BULKHEAD_KERNEL_CGROUP is not set: it names a cgroup v2 directory whose children have the memory controller")
	}
	dir, err := os.MkdirTemp(base, "test-")
	if err != nil {
		t.Fatal(err)
	}
	if !hasMemory(dir) {
		os.Remove(dir)
		t.Fatalf("no memory controller below %q", base)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := parseMounts(table)
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	home := ownDir(m.point, m.root, parseOwn(self))
	t.Cleanup(func() {
		if err := os.WriteFile(home+"/cgroup.procs", []byte("0"), 0); err != nil {
			t.Errorf("cannot leave the test's cgroup: %v", err)
		}
		os.WriteFile(dir+"/cgroup.kill", []byte("1"), 0)
		eventually(t, "the test's cgroup can be removed", func() bool {
			removeTree(dir)
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		})
	})
	return dir
}

func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	unix.Rmdir(dir)
}

func realTree(t testing.TB) *Tree {
	t.Helper()
	tree, err := Open(Options{Mode: "require", Mount: place(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func program(t testing.TB, tree *Tree, name string) *Group {
	t.Helper()
	p, err := tree.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newRun(t testing.TB, p *Group, instance string, run uint64, l Limits) *Group {
	t.Helper()
	r, err := p.NewRun(instance, run, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// start runs this test binary as a child born in g; see child_test.go.
func start(t testing.TB, g *Group, what ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"CGROUP_TEST_CHILD=" + strings.Join(what, " "), "GOGC=off", "GOMAXPROCS=2"}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD(), Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start a child in %q: %v", g.Path(), err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func eventually(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > patience {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

func empty(t testing.TB, g *Group) {
	t.Helper()
	eventually(t, g.Path()+" is empty", func() bool {
		populated, err := g.Populated()
		if err != nil {
			t.Fatal(err)
		}
		return !populated
	})
}

func remove(t testing.TB, g *Group) {
	t.Helper()
	eventually(t, g.Path()+" can be removed", func() bool {
		err := g.Remove()
		if err != nil && !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// wakes polls the descriptor and tells whether it woke in time.
func wakes(t testing.TB, fd int, timeout time.Duration) bool {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		n, err := unix.Poll(fds, max(int(time.Until(deadline).Milliseconds()), 0))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n == 1 && fds[0].Revents&unix.POLLPRI != 0
	}
}

func read(t testing.TB, g *Group) Reading {
	t.Helper()
	r, err := g.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func counts(t testing.TB, g *Group) Counts {
	t.Helper()
	c, err := g.Counts()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
