package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// traces is what the demo must not leave behind.
type traces struct {
	place place
	seen  map[string]bool // cgroups that the supervisor has named as its instances'
}

// left says what is still there. It has patience, three seconds or so: the kernel takes a
// moment to be done with a process or a cgroup, and systemd to remove a scope.
func (t *traces) left() []string {
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		left := t.look()
		if len(left) == 0 || wait > 2*time.Second {
			return left
		}
		time.Sleep(wait)
	}
}

func (t *traces) look() []string {
	var left []string
	for _, pid := range t.processes() {
		left = append(left, fmt.Sprintf("process %d", pid))
	}
	if _, err := os.Lstat(t.place.dir); !errors.Is(err, fs.ErrNotExist) {
		left = append(left, "directory "+t.place.dir)
	}
	for _, dir := range t.cgroups() {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			left = append(left, "cgroup "+dir)
		}
	}
	return left
}

// processes are those that carry our tag, or our directory in their arguments.
func (t *traces) processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ") // another user's cannot be read, and is none of ours
		args, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if bytes.Contains(env, []byte(tagName+"="+t.place.dir+"\x00")) || bytes.Contains(args, []byte(t.place.dir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killProcesses is the last resort, after a supervisor that failed to stop them.
func (t *traces) killProcesses() {
	for _, pid := range t.processes() {
		_ = unix.Kill(pid, unix.SIGKILL) // gone is what is wanted
	}
}

// cgroups are the directories that must be gone: those of the runs, and the
// supervisor's own tree, whose name goes with its socket: nobody shares it.
func (t *traces) cgroups() []string {
	all := map[string]bool{}
	for run := range t.seen {
		all[run] = true
		if top := treeOf(run); top != "" {
			all[top] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// treeOf is <root>/bulkhead of a run's cgroup.
func treeOf(run string) string {
	i := strings.LastIndex(run, "/programs/")
	if i < 0 {
		return ""
	}
	return run[:i]
}
