//go:build kernel

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patient: an emulated machine takes several times as long.
var patient = []string{"-patience", "80s"}

// TestKernelDemo is make run where the kernel holds the limits.
func TestKernelDemo(t *testing.T) {
	if os.Getenv("BULKHEAD_BIN") == "" {
		t.Fatal("BULKHEAD_BIN does not name bin/bulkhead: run this through make kernel")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wantKernel(t, perform(t, exe, []string{asDemo + "=1"}, "", patient...))
}

// wantKernel fails unless everything was seen and enforced by the kernel.
func wantKernel(t *testing.T, r demoRun) {
	t.Helper()
	r.wantAll(t)
	r.wantClean(t)
	flat := strings.Join(strings.Fields(r.out), " ")
	for _, want := range []string{
		"Enforced by the kernel: each instance is a cgroup v2",
		"by: the kernel's tripwire (memory.high at max_memory)",
		"by: the kernel, memory.max of this one cgroup",
		"told by the kernel's tripwire",
		"by the kernel, at memory.max",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("not in the output: %q", want)
		}
	}
	if strings.Contains(r.out, "sampling") {
		t.Error("something was told by sampling")
	}
	if len(r.cgroups) < 5 {
		t.Errorf("its processes were seen in %d cgroups", len(r.cgroups))
	}
	if t.Failed() {
		t.Logf("output:\n%s", r.out)
	}
}

// scope is systemd-run as far as the demo uses it: a cgroup of the caller's own,
// into which he is moved before the command, and which is removed with all
// below it when its last process has ended.
const scope = `#!/bin/sh
set -e
while [ "$1" != -- ]; do shift; done
shift
s="%[1]s/scope-$$"
mkdir -p "$s" "%[1]s/systemd"
echo $$ > "$s/cgroup.procs"
env -i PATH="$PATH" sh -c '
	echo $$ > "$0/systemd/cgroup.procs"
	while grep -q "populated 1" "$1/cgroup.events"; do sleep 0.1; done
	find "$1" -depth -type d -exec rmdir {} \;
' "%[1]s" "$s" > /dev/null 2>&1 < /dev/null &
exec "$@"
`

// TestKernelDelegation is an ordinary user whose cgroup is not his own, but who
// can have one from systemd.
func TestKernelDelegation(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	user := filepath.Join(os.Getenv("BULKHEAD_KERNEL_CGROUP"), fmt.Sprintf("demo-user-%d", os.Getpid()))
	shell := filepath.Join(user, "shell") // where he is
	for _, dir := range []string{user, shell} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeTree(t, user) })
	if err := os.WriteFile(user+"/cgroup.subtree_control", []byte("+memory +pids +cpu"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shell, 0o555); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Chmod(filepath.Dir(bin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin+"/systemd-run", fmt.Appendf(nil, scope, user), 0o755); err != nil {
		t.Fatal(err)
	}
	as := &syscall.SysProcAttr{UseCgroupFD: true}
	if os.Geteuid() == 0 {
		const nobody = 65534
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, file := range []string{user, user + "/cgroup.procs", user + "/cgroup.subtree_control"} {
			if err := os.Chown(file, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir, err := os.Open(shell)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	as.CgroupFD = int(dir.Fd())
	r := performAs(t, as, exe, []string{asDemo + "=1", "PATH=" + bin + ":" + os.Getenv("PATH")}, "", patient...)
	wantKernel(t, r)
	if !strings.Contains(r.out, "An ordinary user may not limit memory by himself") {
		t.Error("it does not say how it got a cgroup of its own")
	}
	for dir := range r.cgroups {
		if !strings.HasPrefix(dir, user+"/scope-") {
			t.Errorf("something ran in %s", dir)
		}
	}
}

// removeTree removes a cgroup and what is below it, last first.
func removeTree(t *testing.T, dir string) {
	below, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, d := range below {
		if d.IsDir() {
			removeTree(t, filepath.Join(dir, d.Name()))
		}
	}
	for range 50 {
		if err = syscall.Rmdir(dir); err != syscall.EBUSY {
			break
		}
		time.Sleep(20 * time.Millisecond) // its last process is still ending
	}
	if err != nil {
		t.Errorf("cannot remove %s: %v", dir, err)
	}
}
