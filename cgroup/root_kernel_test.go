//go:build kernel

package cgroup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openAs lets a child, started in dir as uid, open a tree, and returns its lines.
func openAs(t *testing.T, dir string, uid uint32, attr syscall.SysProcAttr) []string {
	t.Helper()
	fd, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"CGROUP_TEST_CHILD=open"}
	attr.UseCgroupFD, attr.CgroupFD = true, fd
	if uid != 0 {
		attr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	cmd.SysProcAttr = &attr
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("open as %d in %q: %v\n%s%s", uid, dir, err, out, errs.Bytes())
	}
	return strings.Split(string(out), "\n")
}

func TestKernelUserWithADelegatedSubtree(t *testing.T) {
	const nobody = 65534
	dir := place(t)
	for _, file := range []string{"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"} {
		if err := os.Chown(dir+file, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	got := openAs(t, dir, nobody, syscall.SysProcAttr{})
	if got[0] != "enforced" || got[1] != dir+"/"+testName {
		t.Errorf("a user in the subtree that is his: %q", got)
	}
	other := place(t)
	got = openAs(t, other, nobody, syscall.SysProcAttr{})
	if got[0] != "none" || !strings.Contains(got[3], "permission denied") || !strings.Contains(got[3], "systemd-run --user --scope -p Delegate=yes") {
		t.Errorf("a user in a cgroup that is not his: %q", got)
	}
}

func TestKernelDelegatedByXattr(t *testing.T) {
	dir := place(t)
	if err := unix.Setxattr(dir, "user.delegate", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	leaf := dir + "/main" // as systemd's DelegateSubgroup= would
	if err := os.Mkdir(leaf, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{leaf, dir + "/" + testName + "/supervisor"} { // the second time: a restart
		if got := openAs(t, from, 0, syscall.SysProcAttr{}); got[0] != "enforced" || got[1] != dir+"/"+testName {
			t.Errorf("root in the delegated %q: %q", from, got)
		}
	}
}

func TestKernelContainer(t *testing.T) {
	dir := place(t)
	// A cgroup namespace whose root is dir, as a container has; its own mount
	// of the hierarchy shows nothing above.
	sh := exec.Command("/bin/sh", "-c", `umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0"`, os.Args[0])
	sh.Env = []string{"CGROUP_TEST_CHILD=open", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	fd, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	sh.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Cloneflags: unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS}
	out, err := sh.CombinedOutput()
	got := strings.Split(string(out), "\n")
	if err != nil || got[0] != "enforced" || got[1] != "/sys/fs/cgroup/"+testName {
		t.Errorf("in a cgroup namespace of its own: %v, %q", err, got)
	}
	if _, err := os.Stat(dir + "/" + testName + "/supervisor"); err != nil {
		t.Errorf("the namespace's root is not the test's cgroup: %v", err)
	}
}

func TestKernelRootAtTheTop(t *testing.T) {
	dir := place(t)
	got := openAs(t, dir, 0, syscall.SysProcAttr{})
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := parseMounts(b)
	want := m.point
	for up := filepath.Dir(dir); strings.HasPrefix(up, m.point) && want == m.point; up = filepath.Dir(up) {
		if delegated(up) { // the tests themselves were given a subtree
			want = up
		}
	}
	if got[0] != "enforced" || got[1] != want+"/"+testName {
		t.Errorf("root in a cgroup that nobody delegated: %q", got)
	}
	removeTree(want + "/" + testName)
}
