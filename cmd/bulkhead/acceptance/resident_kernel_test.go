//go:build kernel

package acceptance_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The supervisor's memory is locked, and its keeper's, before and after an upgrade; that of
// programs is not, and their limit is the one that they would have had. It has no huge pages, which
// programs may have. Its cgroup is protected all the way up.
func TestKernelSupervisorStaysInMemory(t *testing.T) {
	onKernel(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: 128 << 10}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &was)
	s := serve(t, "require", "[programs.a]\ncommand = \"sleep 1000000\"\n")
	for run := range 2 {
		s.events.await(t, "a", atLeast(run+1, kindOf("ready")))
		pid := s.cmd.Process.Pid
		for name, p := range map[string]int{"supervisor": pid, "keeper": keeperOf(t, s)} {
			if procField(t, fmt.Sprintf("/proc/%d/status", p), "VmLck:") == 0 {
				t.Errorf("start %d: the %s is not locked", run+1, name)
			}
		}
		child := s.status("a")[0].PID
		for _, p := range []int{pid, child} { // THP are huge pages; refused, they are to the children too
			if procField(t, fmt.Sprintf("/proc/%d/status", p), "THP_enabled:") != 1 {
				t.Errorf("start %d: %s may have no huge pages", run+1, strings.ReplaceAll(slurp(fmt.Sprintf("/proc/%d/cmdline", p)), "\x00", " "))
			}
		}
		if n := procField(t, fmt.Sprintf("/proc/%d/smaps_rollup", pid), "AnonHugePages:"); n != 0 {
			t.Errorf("start %d: %d KiB of the supervisor are in huge pages", run+1, n)
		}
		if n := procField(t, fmt.Sprintf("/proc/%d/status", child), "VmLck:"); n != 0 {
			t.Errorf("%d KiB of a program are locked", n)
		}
		if limits := slurp(fmt.Sprintf("/proc/%d/limits", child)); !strings.Contains(strings.Join(strings.Fields(limits), " "), "Max locked memory 65536 131072 bytes") {
			t.Errorf("limits of a program:\n%s", limits)
		}
		own, _ := strings.CutPrefix(strings.TrimSpace(slurp(fmt.Sprintf("/proc/%d/cgroup", pid))), "0::")
		for dir := own; dir != "/"; dir = filepath.Dir(dir) {
			if text := strings.TrimSpace(slurp(cgroupDir(dir) + "/memory.min")); text != "33554432" {
				t.Errorf("memory.min of %s is %s", dir, text)
			}
		}
		if run == 0 {
			s.upgrade()
			s.ctl("restart", "a")
		}
	}
}

// keeperOf is the process that listens on the keeper's socket.
func keeperOf(t *testing.T, s *supervisor) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if text := slurp(path); strings.Contains(text, "\x00keeper\x00"+s.dir) {
			var pid int
			if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err == nil {
				return pid
			}
		}
	}
	t.Fatal("there is no keeper")
	return 0
}
