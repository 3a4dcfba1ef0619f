//go:build kernel

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asEnv makes the test binary something else: the program itself, or a hog.
const asEnv = "GUEST_TEST_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(asEnv) {
	case "main":
		main()
	case "hog":
		hog()
	}
	os.Exit(m.Run())
}

// hog grows until something stops it.
func hog() {
	for kept := [][]byte{}; ; {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

// self is the test binary in another part, in the given cgroup.
func self(t *testing.T, as, group string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), asEnv+"="+as)
	cmd.SysProcAttr = born(t, group)
	return cmd
}

// born starts a process inside a cgroup.
func born(t *testing.T, group string) *syscall.SysProcAttr {
	t.Helper()
	dir, err := os.OpenFile(group, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
}

// base is the directory the lane prepared.
func base(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	if dir == "" {
		t.Fatal("BULKHEAD_KERNEL_CGROUP is not set: run this through cmd/guest")
	}
	return dir
}

// newGroup makes a cgroup of the test's own.
func newGroup(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(base(t), "guest-test-"+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := clear(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKernelLaneKeepsItsWord(t *testing.T) {
	lane := os.Getenv("BULKHEAD_KERNEL_TESTS")
	if lane != string(laneDirect) && lane != string(laneGuest) {
		t.Errorf("BULKHEAD_KERNEL_TESTS is %q", lane)
	}
	if lacking := missing(read(t, base(t), "cgroup.subtree_control"), neededControllers); len(lacking) > 0 {
		t.Errorf("%q does not offer %q", base(t), lacking)
	}
	own, _ := ownCgroup(read(t, "/proc/self/cgroup"))
	if filepath.Base(own) != leafName {
		t.Errorf("this runs in cgroup %q, want a leaf %q", own, leafName)
	}
	for _, dir := range []string{os.Getenv("BULKHEAD_RESULTS"), os.TempDir()} {
		path := filepath.Join(dir, "guest-test")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Errorf("no place to write: %v", err)
		}
		_ = os.Remove(path)
	}
	if s := read(t, "/proc/pressure/memory"); !strings.Contains(s, "full avg10=") {
		t.Errorf("the host's memory pressure reads %q", s)
	}
	if out, err := exec.Command("redis-cli", "-h", "127.0.0.1", "-p", "1", "ping").CombinedOutput(); !bytes.Contains(out, []byte("Connection refused")) {
		t.Errorf("the loopback interface does not answer: %s %v", out, err)
	}
}

func TestKernelMemoryMaxKillsAHog(t *testing.T) {
	group := newGroup(t, "hog")
	for name, value := range map[string]string{"memory.max": "20M", "memory.oom.group": "1"} {
		if err := set(group, name, value); err != nil {
			t.Fatal(err)
		}
	}
	// Without swap to flee to. Kernels without swap support lack the file.
	if _, err := os.Stat(filepath.Join(group, "memory.swap.max")); err == nil {
		if err := set(group, "memory.swap.max", "0"); err != nil {
			t.Fatal(err)
		}
	}
	cmd := self(t, "hog", group)
	err := cmd.Run()
	if cmd.ProcessState == nil || exitOf(cmd.ProcessState.Sys().(syscall.WaitStatus)) != 137 {
		t.Errorf("the hog ended with %v, want SIGKILL", err)
	}
	// With memory.oom.group the victim is counted in oom_kill once for itself
	// and once more as a member (6.12): only zero tells something.
	events := read(t, group, "memory.events.local")
	if strings.Contains(events, "\noom_kill 0\n") || !strings.Contains(events, "\noom_group_kill 1\n") {
		t.Errorf("its cgroup counts\n%s, want an oom_kill and one oom_group_kill", events)
	}
	if s := read(t, group, "memory.pressure"); !strings.Contains(s, "some avg10=") {
		t.Errorf("its memory pressure reads %q", s)
	}
}

// One job of the acceptance tests' application, from push to ledger.
func TestKernelQueueWorker(t *testing.T) {
	app, err := filepath.Abs("../bulkhead/acceptance/testdata/laravel")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	redis := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Process.Kill(); _ = redis.Wait() }()
	t.Setenv("REDIS_SOCKET", socket)
	began := time.Now()
	for time.Since(began) < time.Minute {
		if out, _ := exec.Command("redis-cli", "-s", socket, "ping").Output(); string(out) == "PONG\n" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("redis answers after %v", time.Since(began).Round(time.Millisecond))

	php(t, app, "", "push.php", "Quick:1,5")
	out := php(t, app, newGroup(t, "worker"), "artisan", "queue:work", "redis", "--stop-when-empty")
	if !strings.Contains(out, `Processed:  App\Jobs\Quick`) {
		t.Errorf("the worker printed %q", out)
	}
	ledger, err := exec.Command("redis-cli", "-s", socket, "--raw", "lrange", "laravel_database_ledger", "0", "-1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"pushed", "started", "done"} {
		if n := strings.Count(string(ledger), fmt.Sprintf(`"event":%q,"id":"Quick-0001"`, event)); n != 1 {
			t.Errorf("the job is %s %d times in\n%s", event, n, ledger)
		}
	}
}

// php runs a script of the application, in a cgroup if one is given.
func php(t *testing.T, app, group string, args ...string) string {
	t.Helper()
	cmd := exec.Command("php", args...)
	cmd.Dir = app
	if group != "" {
		cmd.SysProcAttr = born(t, group)
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("php %q: %v\n%s", args, err, out)
	}
	t.Logf("php %q took %v", args, time.Since(began).Round(time.Millisecond))
	return string(out)
}

// The direct lane, in a tree like the ones it meets.
func TestKernelDirectLane(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("has to be root, to be a container and another user")
	}
	// The test binary must be within reach of a user who may not read ours.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	show := `cat /proc/self/cgroup; cat "$BULKHEAD_KERNEL_CGROUP"/cgroup.subtree_control; id -u; sleep 1000 & exit 5`
	for _, tt := range []struct {
		name, script string
		want         []string
		status       int
	}{
		{
			name:   "a command of its own",
			script: `"$SELF" -direct -- sh -c "$SHOW"`,
			want:   []string{"/bulkhead-tests-", "/command\n", "memory", "\n0\n"},
			status: 5,
		},
		{
			name:   "the time limit",
			script: `"$SELF" -direct -timeout 3s -- sh -c 'echo begun; sleep 1000 & sleep 1000'`,
			want:   []string{"begun\n", "it ran longer than 3s"},
			status: exitTimeLimit,
		},
		{
			name:   "a signal",
			script: `"$SELF" -direct -- sh -c 'kill -SEGV $$'`,
			status: 139,
		},
		{
			name:   "nothing to run",
			script: `"$SELF" -direct -- no-such-command`,
			want:   []string{`cannot find "no-such-command"`},
			status: exitNotFound,
		},
		{
			name: "a container",
			script: `exec unshare --cgroup --mount sh -c '
				umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$SELF" -direct -- sh -c "$SHOW"'`,
			want:   []string{"0::/bulkhead-tests-", "/command\n", "memory"},
			status: 5,
		},
		{
			name: "a user's delegated tree",
			script: `cd "$GROUP" && chown 65534 . cgroup.procs cgroup.threads cgroup.subtree_control && cd / &&
				exec setpriv --reuid 65534 --regid 65534 --clear-groups "$SELF" -direct -- sh -c "$SHOW"`,
			want:   []string{"/bulkhead-tests-", "/command\n", "memory", "\n65534\n"},
			status: 5,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			group := newGroup(t, "lane")
			cmd := exec.Command("sh", "-c", tt.script)
			cmd.Env = append(os.Environ(), asEnv+"=main", "SELF="+self, "GROUP="+group, "SHOW="+show)
			cmd.SysProcAttr = born(t, group)
			out, _ := cmd.CombinedOutput()
			if status := exitOf(cmd.ProcessState.Sys().(syscall.WaitStatus)); status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in the output", want)
				}
			}
			if left := leftBehind(t); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if t.Failed() {
				t.Logf("it printed\n%s", out)
			}
		})
	}
}

// leftBehind finds cgroups of a direct lane that is over.
func leftBehind(t *testing.T) (found []string) {
	t.Helper()
	own, _ := ownCgroup(read(t, "/proc/self/cgroup"))
	err := filepath.WalkDir(cgroupMount, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "bulkhead-tests-") && !strings.HasPrefix(cgroupMount+own, path) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
