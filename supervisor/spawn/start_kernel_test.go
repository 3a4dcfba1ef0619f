//go:build kernel

package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tell prints, by the shell's own means and before anything else, what is in
// force in the program and in a process it forks at once.
const tell = `f() { read a </proc/self/oom_score_adj; read c </proc/self/cgroup; read p x </proc/self/stat
echo $p; echo $a $c; umask; ulimit -Sn; ulimit -Hn; }; f; (f); :`

func kernelCgroup(t *testing.T) string {
	top := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	if _, err := os.Stat(filepath.Join(top, "memory.max")); top == "" || err != nil {
		if _, err := os.Stat(filepath.Join(top, "cgroup.controllers")); top == "" || err != nil {
			t.Fatalf("BULKHEAD_KERNEL_CGROUP=%q is no cgroup v2 directory", top)
		}
	}
	return top
}

func fresh(t *testing.T, path string, files map[string]string) int {
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(path, name), text)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func remove(t *testing.T, path string, fd int) {
	unix.Close(fd)
	waitFor(func() bool { return strings.Contains(slurp(path+"/cgroup.events"), "populated 0") })
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

func TestKernelThousandStarts(t *testing.T) {
	top := kernelCgroup(t)
	own, began := ownScore(), time.Now()
	const starters = 2
	var all sync.WaitGroup
	for w := range starters {
		all.Go(func() {
			for i := w; i < 1000; i += starters {
				path := fmt.Sprintf("%s/spawn-%d", top, i)
				fd := fresh(t, path, map[string]string{"memory.max": "64M", "pids.max": "8"})
				s := spec("/bin/sh", "-c", tell)
				s.CgroupFD = fd
				s.OOMScoreAdj = []int{-1000, -900, -1, 0, 1, 500, 1000}[i%7]
				s.Umask = []int{0, 0o22, 0o77, 0o27}[i%4]
				n := uint64(64 + i)
				s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, n, n + 1}}
				if i%2 == 0 {
					s.Cred = &Credential{UID: 33, GID: 33}
				}
				out, c, status := output(t, s)
				want := fmt.Sprintf("%d 0::%s\n%04o\n%d\n%d", s.OOMScoreAdj, strings.TrimPrefix(path, "/sys/fs/cgroup"), s.Umask, n, n+1)
				var pids [2]int
				for n := range pids {
					line, rest, _ := strings.Cut(out, "\n")
					pids[n], _ = strconv.Atoi(line)
					out = strings.TrimPrefix(rest, want+"\n")
				}
				if out != "" || pids[0] != c.PID || pids[1] <= 0 || pids[1] == pids[0] || status.Code != 0 || len(c.Warnings) > 0 {
					t.Errorf("start %d: want twice\n%s\npids %v of %d, %v, warnings %v; left:\n%s", i, want, pids, c.PID, status, c.Warnings, out)
				}
				remove(t, path, fd)
			}
		})
	}
	all.Wait()
	t.Logf("1,000 starts with a cgroup each: %v", time.Since(began))
	if ownScore() != own {
		t.Errorf("the supervisor's own oom_score_adj went from %d to %d", own, ownScore())
	}
	noChildren(t)
}

// What a cgroup can refuse at birth ends in an error with a name, never in a hang.
func TestKernelRefusals(t *testing.T) {
	top := kernelCgroup(t)
	for name, c := range map[string]struct {
		files map[string]string
		errno error
		step  string
	}{
		"no process allowed": {map[string]string{"pids.max": "0"}, unix.EAGAIN, StepForkCgroup},
		"controllers below":  {map[string]string{"cgroup.subtree_control": "+memory"}, unix.EBUSY, StepForkCgroup},
	} {
		path := top + "/spawn-" + strings.ReplaceAll(name, " ", "-")
		fd := fresh(t, path, c.files)
		s := spec("true")
		s.CgroupFD = fd
		_, err := Start(context.Background(), s)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, c.errno) || e.Step != c.step || e.Object != path {
			t.Errorf("%s: %v", name, err)
		}
		remove(t, path, fd)
	}
	// Beside a threaded cgroup, a domain one is invalid.
	path := top + "/spawn-domain"
	unix.Close(fresh(t, path, nil))
	unix.Close(fresh(t, path+"/threads", map[string]string{"cgroup.type": "threaded"}))
	fd := fresh(t, path+"/invalid", nil)
	s := spec("true")
	s.CgroupFD = fd
	_, err := Start(context.Background(), s)
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.EOPNOTSUPP) || e.Step != StepJoinCgroup || e.Object != path+"/invalid" {
		t.Errorf("domain invalid: %v", err)
	}
	remove(t, path+"/invalid", fd)
	for _, dir := range []string{path + "/threads", path} {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	}
	if k, _ := Known(); !k.CloneIntoCgroup {
		t.Error("one cgroup's refusal is remembered as the kernel's")
	}
	noChildren(t)
}

// Too little memory to exec, or a throttle at nothing: however it ends, it
// does, and nothing is left.
func TestKernelNoMemory(t *testing.T) {
	top := kernelCgroup(t)
	for i, files := range []map[string]string{
		{"memory.max": "0"}, {"memory.max": "64K"}, {"memory.max": "1M", "memory.oom.group": "1"}, {"memory.high": "0"},
	} {
		path := fmt.Sprintf("%s/spawn-memory-%d", top, i)
		fd := fresh(t, path, files)
		s := spec("/proc/self/exe", "-test.run", "^$")
		s.CgroupFD = fd
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		c, err := Start(ctx, s)
		cancel()
		if err == nil {
			_ = c.Signal(unix.SIGKILL)
			t.Logf("%v: started, then %v", files, await(t, c))
			c.Close()
		} else {
			t.Logf("%v: %v", files, err)
		}
		write(t, path+"/cgroup.kill", "1")
		remove(t, path, fd)
	}
	noChildren(t)
}

// A child that has not come to its exec shares our memory, and the kernel kills with a victim
// whoever shares its memory. It must not become one (in_vfork, mm/oom_kill.c), however well
// it would do by its size and its score.
func TestKernelOOMBesideABirth(t *testing.T) {
	const program = 32 << 20
	for name, hang := range map[string]func(t *testing.T, path string, s *Spec) (born func() bool, release func()){
		"before its first instruction": func(t *testing.T, path string, s *Spec) (func() bool, func()) {
			write(t, path+"/cgroup.freeze", "1")
			return func() bool { return slurp(path+"/cgroup.procs") != "" }, func() { write(t, path+"/cgroup.freeze", "0") }
		},
		"at its exec": func(t *testing.T, path string, s *Spec) (func() bool, func()) {
			program, reached, release := leasedProgram(t)
			s.Argv = []string{program}
			return reached, release
		},
	} {
		t.Run(name, func(t *testing.T) {
			top := kernelCgroup(t) + "/spawn-oom"
			unix.Close(fresh(t, top, map[string]string{"memory.max": fmt.Sprint(program), "memory.swap.max": "0", "cgroup.subtree_control": "+memory"}))
			run := map[string]string{"memory.oom.group": "1"}
			born, hog := fresh(t, top+"/born", run), fresh(t, top+"/hog", run)
			s := spec("true")
			s.CgroupFD, s.OOMScoreAdj = born, 1000
			reached, release := hang(t, top+"/born", &s)
			result := make(chan error, 1)
			go func() {
				c, err := Start(t.Context(), s)
				if err == nil {
					await(t, c)
					c.Close()
				}
				result <- err
			}()
			waitFor(reached)
			h := spec("/bin/sh", "-c", "head -c 200000000 /dev/zero | tail -c 100000000 | wc -c")
			h.CgroupFD, h.OOMScoreAdj = hog, 0
			out, _, _ := output(t, h)
			if out != "" || !strings.Contains(slurp(top+"/hog/memory.events"), "oom_group_kill 1") {
				t.Errorf("the hog printed %q, its events: %s", out, slurp(top+"/hog/memory.events"))
			}
			if got := slurp(top + "/born/memory.events"); !strings.Contains(got, "oom_kill 0\n") {
				t.Errorf("of the child's cgroup: %s", got)
			}
			release()
			if err := <-result; err != nil {
				t.Error(err)
			}
			remove(t, top+"/born", born)
			remove(t, top+"/hog", hog)
			if err := os.Remove(top); err != nil {
				t.Error(err)
			}
			noChildren(t)
		})
	}
}
