package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestInitSystemd(t *testing.T) {
	dir := t.TempDir()
	was := systemdPaths
	t.Cleanup(func() { systemdPaths = was })
	systemdPaths = []string{filepath.Join(dir, "none"), filepath.Join(dir, "systemd")}
	if _, err := parseOptions([]string{"-init", "systemd", "true"}, io.Discard); err == nil || !strings.Contains(err.Error(), "install systemd") {
		t.Errorf("without a systemd: %v", err)
	}
	touch(t, dir, "systemd")
	o, err := parseOptions([]string{"-init", "systemd", "true"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlan(o, kernel{}, testMachine())
	if p.Init != systemdPaths[1] {
		t.Errorf("process 1 is to become %q, want %q", p.Init, systemdPaths[1])
	}
	if !slices.Contains(p.Env, "BULKHEAD_KERNEL_INIT=systemd") || !slices.Contains(p.Env, "BULKHEAD_KERNEL_TESTS=guest") {
		t.Errorf("the environment %q does not tell", p.Env)
	}
	for _, e := range p.Env {
		if strings.HasPrefix(e, "BULKHEAD_KERNEL_CGROUP=") {
			t.Errorf("%q, which nobody has prepared", e)
		}
	}
	if plain := newPlan(options{}, kernel{}, testMachine()); plain.Init != "" || slices.Contains(plain.Env, "BULKHEAD_KERNEL_INIT=systemd") {
		t.Errorf("without -init: %q, %q", plain.Init, plain.Env)
	}
}
