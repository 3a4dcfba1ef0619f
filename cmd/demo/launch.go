package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// launch starts the supervisor in the best way that this machine has, and
// says what had to be done for it.
func launch(ctx context.Context, binary string, p place) (*server, []string, error) {
	s, err := launchOne(ctx, binary, p, nil)
	if err != nil || s.info.Enforced == "kernel" || !delegable(os.Geteuid(), memoryMount()) {
		return s, nil, err
	}
	if err := tryDelegation(ctx); err != nil {
		return s, []string{fmt.Sprintf("A cgroup of our own was asked for with systemd-run --user, in vain: %v.", err)}, nil
	}
	if err := s.stop(); err != nil {
		return nil, nil, err
	}
	if err := p.forget(); err != nil {
		return nil, nil, err
	}
	if s, err = launchOne(ctx, binary, p, delegation); err == nil {
		return s, []string{"An ordinary user may not limit memory by himself: started with " + strings.Join(delegation, " ") + "."}, nil
	}
	notes := []string{fmt.Sprintf("systemd-run --user was tried, in vain: %v.", err)}
	if err := p.forget(); err != nil {
		return nil, nil, err
	}
	s, err = launchOne(ctx, binary, p, nil)
	return s, notes, err
}

func launchOne(ctx context.Context, binary string, p place, through []string) (*server, error) {
	s := &server{binary: binary, place: p, through: through}
	if err := s.start(ctx); err != nil {
		_ = s.stop() // it is broken already
		return nil, err
	}
	return s, nil
}

// delegation is how an ordinary user gets a cgroup that is his own.
var delegation = []string{"systemd-run", "--user", "--scope", "--collect", "--quiet", "-p", "Delegate=yes", "--"}

// delegable reports whether delegation can be what is missing.
func delegable(uid int, mount string) bool {
	if uid == 0 || mount == "" {
		return false
	}
	_, err := exec.LookPath(delegation[0])
	return err == nil
}

// tryDelegation starts nothing of importance that way.
func tryDelegation(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startMost)
	defer cancel()
	cmd := exec.CommandContext(ctx, delegation[0], append(slices.Clone(delegation[1:]), "true")...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(string(out)); text != "" {
		return fmt.Errorf("%v: %s", err, text)
	}
	return err
}

// memoryMount is where a cgroup v2 with the memory controller is mounted; ""
// nowhere.
func memoryMount() string {
	for _, mount := range cgroupMounts() {
		can, _ := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
		if slices.Contains(strings.Fields(string(can)), "memory") {
			return mount
		}
	}
	return ""
}

// cgroupMounts are the mount points of cgroup v2.
func cgroupMounts() []string {
	table, _ := os.ReadFile("/proc/self/mounts") // none without /proc
	var all []string
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			all = append(all, f[1])
		}
	}
	return all
}
