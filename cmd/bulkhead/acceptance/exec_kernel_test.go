//go:build kernel

package acceptance_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// execFolder is where commands live in the guest: it is started outside of any unit.
const execFolder = "/sys/fs/cgroup/bulkhead-exec"

// noExecLeft demands that no command has left a cgroup.
func noExecLeft(t *testing.T) {
	t.Helper()
	if entries, err := os.ReadDir(execFolder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left with %v, %v", execFolder, entries, err)
	}
}

// own prints the files of the shell's own cgroup, in its first instructions.
const own = `read g </proc/self/cgroup; d=/sys/fs/cgroup${g#0::}; echo "$d"; for f in "$@"; do read v <"$d/$f"; echo "$f=$v"; done
read s </proc/self/oom_score_adj; echo "score=$s"`

func TestKernelExecLimits(t *testing.T) {
	onKernel(t)
	out, stderr, code := execute(t, "--require", "--memory-max", "64M", "--memory-high", "48M", "--swap-max", "0", "--cpu-max", "150%",
		"--cpu-weight", "50", "--pids-max", "16", "--", "sh", "-c", own, "sh",
		"memory.max", "memory.high", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max", "memory.oom.group").run()
	dir, rest, _ := strings.Cut(out, "\n")
	want := "memory.max=67108864\nmemory.high=50331648\nmemory.swap.max=0\ncpu.max=150000 100000\ncpu.weight=50\npids.max=16\nmemory.oom.group=1\nscore=500\n"
	if rest != want || code != 0 || stderr != "" || !strings.HasPrefix(dir, execFolder+"/sh.") {
		t.Errorf("exit code %d, %s\nin %s\n%swant\n%s", code, stderr, dir, rest, want)
	}
	out, _, _ = execute(t, "--protect", "cat", "/proc/self/oom_score_adj").run()
	if out != "-900\n" {
		t.Errorf("protected: %q", out)
	}
	// Inside, the limits of the outer one hold, and the inner one says so.
	out, stderr, code = execute(t, "--memory-max", "64M", "--", program(t), "exec", "--memory-max", "32M", "echo", "inner").run()
	if out != "inner\n" || code != 0 || !strings.Contains(stderr, "whose own limits hold; ask for them there; goes on without --memory-max") {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	_, stderr, code = execute(t, "--", program(t), "exec", "--require", "--memory-max", "32M", "echo", "inner").run()
	if code != 125 || !strings.Contains(stderr, "whose own limits hold") {
		t.Errorf("required: exit code %d, %q", code, stderr)
	}
	noExecLeft(t)
}

func TestKernelExecOutOfMemory(t *testing.T) {
	onKernel(t)
	out, stderr, code := execute(t, "--memory-max", "48M", "--swap-max", "0").role("grow", "GROW_STEP=1048576", "GROW_TO=268435456").run()
	const want = ": killed by the kernel: out of memory in its own compartment: memory_max 48M was hit, peak 4" // what was refused at last is not in the peak
	if code != 137 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	// A SIGKILL is not the kernel's word.
	_, stderr, code = execute(t, "--memory-max", "48M", "sh", "-c", "kill -KILL $$").run()
	if code != 137 || stderr != "" {
		t.Errorf("killed by itself: exit code %d, %q", code, stderr)
	}
	noExecLeft(t)
}

func TestKernelExecLeavesNothing(t *testing.T) {
	onKernel(t)
	_, stderr, code := execute(t, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.2; exit 4").run()
	if code != 4 || stderr != "bulkhead: exec: sh: ended, and what it left running is killed: 1 process\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	noExecLeft(t)
}

// A killed exec ends its command at once; what that has left in the cgroup, the next one ends.
func TestKernelExecStale(t *testing.T) {
	onKernel(t)
	dir := t.TempDir()
	o := execute(t, "--lock-dir", dir, "--lock", "a", "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo ready $!; exec sleep 1000").begin()
	daemon := o.ready()
	if err := o.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.Wait()
	if processState(daemon) == "" {
		t.Fatal("there is nothing to be cleaned up")
	}
	if _, stderr, code := execute(t, "--lock-dir", dir, "--lock", "a", "--no-wait", "true").run(); code != 0 || stderr != "" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if state := processState(daemon); state != "" && state != "Z" {
		t.Errorf("process %d lives on: %s", daemon, state)
	}
	noExecLeft(t)
}

func TestKernelExecCrowd(t *testing.T) {
	onKernel(t)
	began := time.Now()
	most := crowd(t, "0.1", "--lock-dir", t.TempDir(), "--lock", "unzip", "--slots", "3", "--memory-max", "64M", "--require", "--pids-max", "8")
	if most != 3 {
		t.Errorf("%d at once, want 3", most)
	}
	figure("30 parallel execs with limits, 3 at once, 100 ms each: %v", time.Since(began).Round(100*time.Millisecond))
	noExecLeft(t)
}

// With --overcommit deny commands start as long as the host's memory can be promised.
func TestKernelExecBudget(t *testing.T) {
	onKernel(t)
	total := procField(t, "/proc/meminfo", "MemTotal:") >> 10 // MiB
	most := func(share int64) string { return strconv.FormatInt(total*share/100, 10) + "M" }
	dir := t.TempDir()
	args := func(share int64, word string) []string {
		return []string{"--lock-dir", dir, "-c", dir + "/bulkhead.toml", "--overcommit", word, "--memory-max", most(share)}
	}
	config := "[host]\novercommit = \"warn\"\n[programs.queue]\ncommand = \"queue\"\nlimits.memory_max = \"" + most(30) + "\"\n"
	if err := os.WriteFile(dir+"/bulkhead.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	first := execute(t, args(40, "deny")...).role("hears").begin()
	first.ready()
	_, stderr, code := execute(t, append(args(40, "deny"), "true")...).run()
	want := fmt.Sprintf("(pid %d) ", first.Process.Pid)
	if code != 75 || !strings.Contains(stderr, "true: not started: cannot promise") || !strings.Contains(stderr, want) || !strings.Contains(stderr, "(queue ") {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
	if _, stderr, code := execute(t, append(args(40, "warn"), "true")...).run(); code != 0 || !strings.Contains(stderr, "warning: cannot promise") {
		t.Errorf("warned: exit code %d, %q", code, stderr)
	}
	if _, stderr, code := execute(t, append(args(20, "deny"), "true")...).run(); code != 0 || stderr != "" {
		t.Errorf("what fits: exit code %d, %q", code, stderr)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	if _, stderr, code := execute(t, append(args(40, "deny"), "true")...).run(); code != 0 || stderr != "" {
		t.Errorf("when there is room again: exit code %d, %q", code, stderr)
	}
	noExecLeft(t)
}
