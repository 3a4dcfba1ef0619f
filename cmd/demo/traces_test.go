package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTraces leaves each kind of thing behind: each is found.
func TestTraces(t *testing.T) {
	p := place{t.TempDir() + "/demo"}
	tr := &traces{place: p, seen: map[string]bool{}}
	if left := tr.look(); len(left) > 0 {
		t.Errorf("left of nothing: %q", left)
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if left := tr.look(); len(left) != 1 || left[0] != "directory "+p.dir {
		t.Errorf("left: %q", left)
	}
	os.Remove(p.dir)

	cmd := exec.Command("sleep", "60")
	cmd.Env = append(os.Environ(), tagName+"="+p.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if left := tr.look(); len(left) != 1 || !strings.HasPrefix(left[0], "process ") {
		t.Errorf("left: %q", left)
	}
	tr.killProcesses()
	if err := cmd.Wait(); err == nil {
		t.Error("the process that was left has not been killed")
	}

	top := t.TempDir() + "/bulkhead"
	run := top + "/programs/mail/mail_00.1"
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	tr.seen[run] = true
	if left := strings.Join(tr.look(), ","); left != "cgroup "+top+",cgroup "+run {
		t.Errorf("left: %q", left)
	}
	os.RemoveAll(top + "/programs")
	if left := strings.Join(tr.look(), ","); left != "cgroup "+top {
		t.Errorf("left: %q", left)
	}
}

func TestDelegable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/systemd-run", []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if delegable(0, "/sys/fs/cgroup") || delegable(1000, "") || !delegable(1000, "/sys/fs/cgroup") {
		t.Error("delegation is for ordinary users where the kernel could hold limits")
	}
	if err := tryDelegation(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(dir+"/systemd-run", []byte("#!/bin/sh\necho Failed to connect to bus; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tryDelegation(t.Context()); err == nil || !strings.Contains(err.Error(), "Failed to connect to bus") {
		t.Errorf("error: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if delegable(1000, "/sys/fs/cgroup") {
		t.Error("there is no systemd-run")
	}
}
