package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupMount is where the tests, as bulkhead itself, expect cgroup v2.
const cgroupMount = "/sys/fs/cgroup"

// leafName is the cgroup the command runs in, below the prepared directory.
const leafName = "command"

// neededControllers must be there; wantedControllers are enabled if they are.
var (
	neededControllers = []string{"memory", "pids", "cpu"}
	wantedControllers = []string{"memory", "pids", "cpu", "io"}
)

// usableTree finds a directory of this machine's cgroup tree in which we may
// make cgroups with the needed controllers: the top of the tree, or our own
// cgroup where that was delegated to us. It changes nothing.
func usableTree() (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupMount, &fs); err != nil {
		return "", fmt.Errorf("cannot look at %q: %v", cgroupMount, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return "", fmt.Errorf("%q is not cgroup v2", cgroupMount)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("cannot read our own cgroup: %v", err)
	}
	candidates := []string{cgroupMount}
	if rel, ok := ownCgroup(string(own)); ok && rel != "/" {
		candidates = append(candidates, filepath.Join(cgroupMount, rel))
	}
	var problems []error
	for _, dir := range candidates {
		if err := usable(dir); err != nil {
			problems = append(problems, err)
			continue
		}
		return dir, nil
	}
	return "", errors.Join(problems...)
}

// ownCgroup picks the v2 path out of /proc/PID/cgroup.
func ownCgroup(file string) (string, bool) {
	for line := range strings.Lines(file) {
		if rel, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return rel, true
		}
	}
	return "", false
}

func usable(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("cannot read the controllers: %v", err)
	}
	if lacking := missing(string(have), neededControllers); len(lacking) > 0 {
		return fmt.Errorf("%q lacks the controllers %s", dir, strings.Join(lacking, " "))
	}
	for _, name := range []string{".", "cgroup.procs", "cgroup.subtree_control"} {
		if err := unix.Access(filepath.Join(dir, name), unix.W_OK); err != nil {
			return fmt.Errorf("cannot write to %q: %v", filepath.Join(dir, name), err)
		}
	}
	return nil
}

// missing lists the wanted words that the kernel's list does not have.
func missing(have string, wanted []string) []string {
	var lacking []string
	for _, w := range wanted {
		if !slices.Contains(strings.Fields(have), w) {
			lacking = append(lacking, w)
		}
	}
	return lacking
}

// prepare enables the controllers for dir's children and makes the command's
// leaf in it.
func prepare(dir string) (leaf string, err error) {
	if err := enable(dir); err != nil {
		return "", err
	}
	leaf = filepath.Join(dir, leafName)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("cannot create cgroup: %v", err)
	}
	return leaf, nil
}

// enable gives dir's children the controllers. Processes found in dir itself
// (a container's own) go into a leaf first: a cgroup with processes refuses
// controllers, unless it is the top of the machine's tree.
func enable(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("cannot read the controllers: %v", err)
	}
	var words []string
	for _, c := range wantedControllers {
		if slices.Contains(strings.Fields(string(have)), c) {
			words = append(words, "+"+c)
		}
	}
	line := strings.Join(words, " ") // one write: the kernel takes all or none
	err = set(dir, "cgroup.subtree_control", line)
	if errors.Is(err, unix.EBUSY) {
		if err = evacuate(dir); err == nil {
			err = set(dir, "cgroup.subtree_control", line)
		}
	}
	return err
}

// evacuate moves every process of dir into the leaf dir/init.
func evacuate(dir string) error {
	leaf := filepath.Join(dir, "init")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cannot create cgroup: %v", err)
	}
	pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("cannot list processes: %v", err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		if err := set(leaf, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// set writes one cgroup file. The error can be compared with an errno.
func set(dir, name, value string) error {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("cannot write %q to %q: %w", value, path, errnoOf(err))
	}
	return nil
}

// errnoOf drops the path from an error that is printed with one.
func errnoOf(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// clear kills what is left in dir and removes it with everything below.
func clear(dir string) error {
	if err := set(dir, "cgroup.kill", "1"); err != nil {
		return err
	}
	var err error
	for range 200 { // the killed need a moment to be gone: EBUSY until then
		if err = removeTree(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("cannot remove cgroup: %v", err)
}

// removeTree removes directories only: the files of a cgroup go with it.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}
