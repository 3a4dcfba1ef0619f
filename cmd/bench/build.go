package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// newTools makes a directory for everything and builds the programs in it.
func newTools(given string) (t tools, err error) {
	if t.bulkhead, err = findBulkhead(given); err != nil {
		return t, err
	}
	t.dir, err = os.MkdirTemp("", "bulkhead-bench-")
	if err == nil && len(t.dir) > 80 { // a unix socket's path holds 107 bytes
		os.Remove(t.dir)
		t.dir, err = os.MkdirTemp("/tmp", "bulkhead-bench-")
	}
	if err == nil {
		t.dir, err = filepath.EvalSymlinks(t.dir) // as /proc/PID/exe has it
	}
	if err != nil {
		return t, fmt.Errorf("cannot make a temporary directory: %v", err)
	}
	if t.memory, err = os.MkdirTemp(tmpfs, "bulkhead-bench-"); err != nil {
		os.RemoveAll(t.dir)
		return t, fmt.Errorf("cannot make a directory in memory: %v", err)
	}
	t.worker, t.raw = filepath.Join(t.dir, "worker"), filepath.Join(t.dir, "raw")
	for _, program := range []string{t.worker, t.raw} {
		if err := compile(program); err != nil {
			t.remove()
			return t, err
		}
	}
	return t, nil
}

// tmpfs is one, as /run is on a host that systemd has started.
const tmpfs = "/dev/shm"

func (t tools) remove() error { return errors.Join(os.RemoveAll(t.dir), os.RemoveAll(t.memory)) }

func compile(program string) error {
	name := filepath.Base(program) + ".c"
	source, err := templates.ReadFile("templates/" + name)
	if err != nil {
		return fmt.Errorf("internal error: %v", err)
	}
	if err := os.WriteFile(program+".c", source, 0o600); err != nil {
		return err
	}
	out, err := exec.Command("gcc", "-O2", "-static", "-Wall", "-o", program, program+".c").CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot build %s with gcc: %v\n%s", name, err, out)
	}
	return nil
}

// findBulkhead returns the program to measure, absolute.
func findBulkhead(given string) (string, error) {
	if given == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find this program: %v", err)
		}
		given = filepath.Join(filepath.Dir(own), "bulkhead")
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", fmt.Errorf("cannot find %q: %v", given, err)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("cannot find a bulkhead to run at %q: build it with make build, or name it with -bulkhead", path)
	}
	return path, nil
}

// allowFiles gives us, and all that we start, descriptors for n instances. It
// is syscall's call on purpose: what Go raises by itself it takes back for
// children.
func allowFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	want := uint64(filesFor(n))
	limit.Cur, limit.Max = max(limit.Cur, want), max(limit.Max, want)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("cannot have %d open files for %d instances: %v; see ulimit -Hn", want, n, err)
	}
	return nil
}
