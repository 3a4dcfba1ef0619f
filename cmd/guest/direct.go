package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runDirect runs the command on this machine, in a cgroup of its own below
// base that is killed and removed afterwards.
func runDirect(ctx context.Context, opts options, base string) (status int, err error) {
	dir, leaf, err := ownTree(base)
	if dir != "" {
		defer func() {
			if cerr := clear(dir); cerr != nil {
				status, err = max(status, exitLane), errors.Join(err, cerr)
			}
		}()
	}
	if err != nil {
		return exitLane, err
	}
	out := opts.out
	if out == "" {
		if out, err = os.MkdirTemp("", "guest-results-"); err != nil {
			return exitLane, fmt.Errorf("cannot create the results: %v", err)
		}
		defer func() { _ = os.RemoveAll(out) }()
	} else if err := os.MkdirAll(out, 0o755); err != nil {
		return exitLane, fmt.Errorf("cannot create the results: %v", err)
	}
	return runIn(ctx, opts, dir, leaf, out)
}

// ownTree makes our directory below base, controllers enabled, leaf inside.
// Its name is returned with an error too, when there is something to remove.
func ownTree(base string) (dir, leaf string, err error) {
	// A tree that offers them already, systemd's, is left as it is.
	enabled, err := os.ReadFile(filepath.Join(base, "cgroup.subtree_control"))
	if err != nil || len(missing(string(enabled), neededControllers)) > 0 {
		if err := enable(base); err != nil {
			return "", "", err
		}
	}
	dir = filepath.Join(base, "bulkhead-tests-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("cannot create cgroup: %v", err)
	}
	leaf, err = prepare(dir)
	return dir, leaf, err
}

func runIn(ctx context.Context, opts options, dir, leaf, out string) (int, error) {
	group, err := os.OpenFile(leaf, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return exitLane, fmt.Errorf("cannot open the command's cgroup: %v", err)
	}
	defer func() { _ = group.Close() }()
	path, err := exec.LookPath(opts.command[0])
	if err != nil {
		return exitNotFound, fmt.Errorf("cannot find %q: %v", opts.command[0], err)
	}
	cmd := exec.CommandContext(ctx, path, opts.command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = opts.dir, os.Stdout, os.Stdout
	cmd.Env = append(os.Environ(), commandEnv(laneDirect, dir, out)...)
	cmd.Env = append(cmd.Env, opts.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, UseCgroupFD: true, CgroupFD: int(group.Fd()), Pdeathsig: syscall.SIGKILL,
	}
	// Whatever the command left behind in its tree may hold its output open.
	cmd.Cancel = func() error { return set(dir, "cgroup.kill", "1") }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return ended(ctx, opts)
	case cmd.ProcessState == nil:
		return exitCannotRun, fmt.Errorf("cannot run %q: %v", path, err)
	}
	return exitOf(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// exitOf is the shell's number for how a command ended.
func exitOf(w syscall.WaitStatus) int {
	if w.Signaled() {
		return exitSignalBase + int(w.Signal())
	}
	return w.ExitStatus()
}

// commandEnv tells the command what its lane prepared for it.
func commandEnv(l lane, group, results string) []string {
	env := []string{
		"BULKHEAD_KERNEL_TESTS=" + string(l),
		"BULKHEAD_RESULTS=" + results,
	}
	if group != "" {
		env = append(env, "BULKHEAD_KERNEL_CGROUP="+group)
	}
	return env
}
