//go:build kernel

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSystemdLaneKeepsItsWord(t *testing.T) {
	if got := os.Getenv("BULKHEAD_KERNEL_INIT"); got != "systemd" {
		t.Fatalf("BULKHEAD_KERNEL_INIT is %q: run this through guest -init systemd", got)
	}
	if got := read(t, "/proc/1/comm"); got != "systemd\n" {
		t.Errorf("process 1 is %q", got)
	}
	if own, _ := ownCgroup(read(t, "/proc/self/cgroup")); own != "/system.slice/"+unitName {
		t.Errorf("this runs in cgroup %q", own)
	}
	for _, dir := range []string{os.Getenv("BULKHEAD_RESULTS"), os.TempDir(), unitDir} {
		path := filepath.Join(dir, "guest-test")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Errorf("no place to write: %v", err)
		}
		_ = os.Remove(path)
	}
	// A service of ours starts with what every service leans on; nothing else runs.
	if err := os.WriteFile(filepath.Join(unitDir, "guest-test.service"), []byte("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"daemon-reload"}, {"start", "guest-test.service"}} {
		if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
			t.Fatalf("systemctl %q: %v\n%s", args, err, out)
		}
	}
	out, err := exec.Command("systemctl", "list-units", "--plain", "--no-legend", "--type=service", "--state=active").Output()
	if err != nil {
		t.Fatal(err)
	}
	var units []string
	for line := range strings.Lines(string(out)) {
		units = append(units, strings.Fields(line)[0])
	}
	if want := []string{"guest-test.service", unitName}; !slices.Equal(units, want) {
		t.Errorf("services %q, want %q", units, want)
	}
	if out, err := exec.Command("systemctl", "is-active", "sysinit.target").CombinedOutput(); err != nil {
		t.Errorf("sysinit.target: %v: %s", err, out)
	}
}
