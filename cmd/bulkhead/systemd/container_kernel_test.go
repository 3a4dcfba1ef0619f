//go:build kernel

package systemd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// container is process 1 of a container before its command is: it makes the
// namespaces' own mounts, leaves another process in the root of the cgroup
// namespace, as an entrypoint script does, and becomes its arguments.
func container() {
	err := func() error {
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("cannot mount /proc: %v", err)
		}
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("cannot unmount %s: %v", mount, err)
		}
		if err := unix.Mount("cgroup2", mount, "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("cannot mount %s: %v", mount, err)
		}
		if err := exec.Command("sleep", "200000").Start(); err != nil {
			return err
		}
		return syscall.Exec(os.Args[1], os.Args[1:], []string{"PATH=" + os.Getenv("PATH")})
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// enter starts bulkhead with the config as process 1 of a container whose
// cgroup namespace has its root at group.
func enter(t *testing.T, group, config string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenFile(group, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	cmd := exec.Command(self, program(t), "serve", "-c", config)
	cmd.Env = append(os.Environ(), roleKey+"=container")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(dir.Fd()), Cloneflags: unix.CLONE_NEWPID,
		// Not at clone: the namespace's root would be the cgroup we are in.
		Unshareflags: unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP,
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// ownGroup makes a cgroup of the test's own, empty at the end or the test fails.
func ownGroup(t *testing.T) string {
	t.Helper()
	base := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	if base == "" {
		t.Fatal("BULKHEAD_KERNEL_CGROUP is not set: run this through cmd/guest")
	}
	dir, err := os.MkdirTemp(base, "container-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if strings.Contains(slurp(dir+"/cgroup.events"), "populated 1") {
			t.Error("the container's cgroup is not empty")
			write(t, dir+"/cgroup.kill", "1")
		}
		eventually(t, "the container's cgroup can be removed", func() bool {
			_ = exec.Command("find", dir, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		})
	})
	return dir
}

// stat is the parent and the state of a process, "" when it is gone.
func stat(pid int) (parent int, state string) {
	text := slurp(procStat(pid))
	_, after, _ := strings.Cut(text, ") ")
	f := strings.Fields(after)
	if len(f) < 2 {
		return 0, ""
	}
	parent, _ = strconv.Atoi(f[1])
	return parent, f[0]
}

// procs are the processes of a cgroup, without those below.
func procs(group string) (pids []int) {
	for _, word := range strings.Fields(slurp(group + "/cgroup.procs")) {
		pid, _ := strconv.Atoi(word)
		pids = append(pids, pid)
	}
	return pids
}

func TestKernelProcessOneOfAContainer(t *testing.T) {
	group, dir := ownGroup(t), t.TempDir()
	socket, ended := filepath.Join(dir, "bulkhead", "bulkhead.sock"), filepath.Join(dir, "ended")
	if err := os.Mkdir(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "bulkhead.toml")
	write(t, config, fmt.Sprintf(`
[supervisor]
socket    = %q
state_dir = %q
cgroup    = "require"

[programs.parent]
command   = ["sh", "-c", '''trap 'echo parent >> %s; exit 0' TERM; (sleep 100000 &); while :; do sleep 1; done''']
startsecs = 0
[programs.parent.limits]
memory_max = "64M"
`, socket, dir, ended))
	bulkhead := enter(t, group, config)
	client := control.Dial(socket)
	defer client.Close()

	var status control.Status
	eventually(t, "the program runs", func() bool {
		all, _, err := client.Status(context.Background())
		if err == nil && len(all) == 1 {
			status = all[0]
		}
		return status.State == "RUNNING"
	})
	info, err := client.Version(context.Background())
	if err != nil || info.PID != 1 || info.Enforced != "kernel" || info.Why != "" {
		t.Errorf("version: %+v, %v", info, err)
	}
	if len(procs(group)) != 0 || len(procs(group+"/bulkhead/supervisor")) != 2 {
		t.Errorf("the namespace's root holds %v, the supervisor's cgroup %v; want the process of the root beside bulkhead there",
			procs(group), procs(group+"/bulkhead/supervisor"))
	}
	run := group + "/bulkhead/programs/parent/parent.1"
	if got := slurp(run + "/memory.max"); got != "67108864" {
		t.Errorf("memory.max is %q", got)
	}

	// The subshell that started it is gone: its parent is process 1 now.
	orphan := 0
	eventually(t, "an orphan is handed to bulkhead", func() bool {
		for _, pid := range procs(run) {
			if parent, _ := stat(pid); parent == bulkhead.Process.Pid && slurp(fmt.Sprintf("/proc/%d/comm", pid)) == "sleep" {
				orphan = pid
			}
		}
		return orphan != 0
	})
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan is buried", func() bool { _, state := stat(orphan); return state == "" })

	if err := bulkhead.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := bulkhead.Wait(); err != nil {
		t.Errorf("bulkhead ended with: %v", err)
	}
	if got := slurp(ended); got != "parent" {
		t.Errorf("its programs were told to end: %q", got)
	}
}
