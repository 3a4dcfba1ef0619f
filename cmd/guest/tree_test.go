package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnCgroup(t *testing.T) {
	for _, tt := range []struct {
		file, want string
		ok         bool
	}{
		{"0::/user.slice/session-1.scope\n", "/user.slice/session-1.scope", true},
		{"0::/\n", "/", true},
		{"4:memory:/a\n1:name=systemd:/b\n0::/c d\n", "/c d", true},
		{"4:memory:/a\n", "", false},
		{"", "", false},
	} {
		if got, ok := ownCgroup(tt.file); got != tt.want || ok != tt.ok {
			t.Errorf("ownCgroup(%q) = %q, %v; want %q, %v", tt.file, got, ok, tt.want, tt.ok)
		}
	}
}

func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		have string
		want []string
	}{
		{"cpuset cpu io memory hugetlb pids\n", nil},
		{"cpuset cpu io hugetlb\n", []string{"memory", "pids"}},
		{"cpuset memory pids\n", []string{"cpu"}}, // cpuset is not cpu
		{"\n", neededControllers},
	} {
		if diff := cmp.Diff(tt.want, missing(tt.have, neededControllers)); diff != "" {
			t.Errorf("missing(%q) (-want +got):\n%s", tt.have, diff)
		}
	}
}

// A folder with a cgroup's files stands for one; the kernel tests use real ones.
func TestEnableWritesOnceWhatThereIs(t *testing.T) {
	for have, want := range map[string]string{
		"cpuset cpu io memory pids": "+memory +pids +cpu +io",
		"memory pids cpu":           "+memory +pids +cpu",
	} {
		dir := t.TempDir()
		for name, content := range map[string]string{"cgroup.controllers": have, "cgroup.subtree_control": "", "cgroup.procs": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := usable(dir); err != nil {
			t.Errorf("usable with %q: %v", have, err)
		}
		if _, err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err != nil || string(got) != want {
			t.Errorf("with %q wrote %q, %v; want %q", have, got, err, want)
		}
	}
}

func TestUsableSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	if err := usable(dir); err == nil || !strings.Contains(err.Error(), "cannot read the controllers") {
		t.Errorf("usable of no cgroup: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte("hugetlb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := usable(dir); err == nil || !strings.Contains(err.Error(), "lacks the controllers memory pids cpu") {
		t.Errorf("usable with hugetlb: %v", err)
	}
}

func TestExitOf(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{0: 0, 7 << 8: 7, 255 << 8: 255, 9: 137, 15: 143, 11 | 0x80: 139} {
		if got := exitOf(status); got != want {
			t.Errorf("exitOf(%#x) = %d, want %d", uint32(status), got, want)
		}
	}
}
