package spawn

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// spec starts argv as nobody in particular: every other field means "as we are".
func spec(argv ...string) Spec {
	return Spec{
		Argv: argv, Env: []string{"PATH=/usr/bin:/bin"},
		Umask: -1, OOMScoreAdj: ownScore(), Stdout: -1, Stderr: -1, CgroupFD: -1,
	}
}

func ownScore() int {
	n, _ := strconv.Atoi(strings.TrimSpace(slurp("/proc/self/oom_score_adj")))
	return n
}

func slurp(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// await waits for c by its pidfd and takes its status.
func await(t testing.TB, c *Child) Status {
	t.Helper()
	for {
		s, ok, err := c.TryWait()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return s
		}
		fds := []unix.PollFd{{Fd: int32(c.PidFD), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

// output runs s to its end and returns what it wrote to both outputs.
func output(t testing.TB, s Spec) (string, *Child, Status) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = withFd(w, func(fd int) error {
		s.Stdout, s.Stderr = fd, fd
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(context.Background(), s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), c, await(t, c)
}

func withFd(f *os.File, use func(int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = use(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// look prints what the kernel knows about the shell and, from a process it
// forks at once, about that one: nothing of ours runs in between.
const look = `for p in $$ self; do cat /proc/$p/status /proc/$p/limits
echo "oom_score_adj: $(cat /proc/$p/oom_score_adj)"; echo "cgroup: $(cat /proc/$p/cgroup | grep ^0::)"; echo "stat: $(cat /proc/$p/stat)"
echo "cwd: $(readlink /proc/$p/cwd)"; echo "stdin: $(readlink /proc/$p/fd/0)"; echo ===; done`

// seen is what one process looked like.
type seen map[string]string

// parseLook splits the output of look: the child, then its grandchild. What
// is read inside $(…) of the second is a grandchild's as well.
func parseLook(t testing.TB, out string) [2]seen {
	t.Helper()
	parts := strings.Split(out, "===\n")
	if len(parts) != 3 {
		t.Fatalf("unexpected output:\n%s", out)
	}
	var both [2]seen
	for i, part := range parts[:2] {
		both[i] = seen{}
		for line := range strings.Lines(part) {
			line = strings.TrimSpace(line)
			if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
				both[i]["nofile"] = strings.Join(strings.Fields(rest)[:2], " ")
			} else if key, value, ok := strings.Cut(line, ":"); ok {
				both[i][key] = strings.Join(strings.Fields(value), " ")
			}
		}
		// proc(5): nice is field 19; the command in parentheses may hold blanks.
		stat := both[i]["stat"]
		both[i]["nice"] = strings.Fields(stat[strings.LastIndexByte(stat, ')')+2:])[16]
	}
	return both
}

func (s seen) want(t testing.TB, who string, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if s[key] != value {
			t.Errorf("%s: %s is %q, want %q", who, key, s[key], value)
		}
	}
}

// openFds lists the open descriptors and what they are.
func openFds(t testing.TB) string {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range list {
		// The listing's own descriptor is gone by now.
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			fmt.Fprintf(&all, "%s=%s ", e.Name(), to)
		}
	}
	return all.String()
}

// noChildren fails when a child is left that nobody has waited for.
func noChildren(t testing.TB) {
	t.Helper()
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != unix.ECHILD {
		t.Errorf("a child is left: %v %v", info, err)
	}
	owned.Lock()
	defer owned.Unlock()
	if len(owned.pids) != 0 {
		t.Errorf("still owned: %v", owned.pids)
	}
}

func root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests need root")
	}
}

// cgroupDir makes a cgroup of the v2 tree (a hybrid host's too).
func cgroupDir(t testing.TB) (path string, fd int) {
	t.Helper()
	for _, top := range []string{os.Getenv("BULKHEAD_KERNEL_CGROUP"), "/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(top + "/cgroup.procs"); top == "" || err != nil {
			continue
		}
		var fs syscall.Statfs_t
		if err := syscall.Statfs(top, &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		path = fmt.Sprintf("%s/bulkhead-spawn-%d-%s", top, os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			unix.Close(fd)
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		})
		return path, fd
	}
	t.Fatal("no cgroup v2 mount")
	return "", -1
}
