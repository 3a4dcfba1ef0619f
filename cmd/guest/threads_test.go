package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestThreads(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if got := threads(os.Getpid()); !strings.HasPrefix(got, "sleep ") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q, want the one thread of sleep", got)
	}
	if got := threads(cmd.Process.Pid); got != "" {
		t.Errorf("of who has no child: %q", got)
	}
}
