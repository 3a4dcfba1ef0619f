package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// process is a main process of an instance.
type process struct {
	pid   int
	start uint64
}

// lives is false for one on its way out too, whose cgroup may be empty by then: it
// has given its memory back before.
func (p process) lives() bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	return err == nil && len(env) > 0 && startTime(p.pid) == p.start
}

// census counts processes as the kernel shows them. It knows them by their environment.
type census struct {
	mark    string                 // KEY=VALUE
	overlap func(name string) bool // whether two of the instance are no fault
	fault   func(string, ...any)   // of a doubled instance
	mu      sync.Mutex
	doubled map[string]bool // pairs that were found, "name pid pid"
	counts  int
	owner   map[int]string // of every main process that was ever seen
}

// take is who is there now, by the instance's full name.
func (c *census) take() map[string][]process {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		panic(err) // the pattern is right
	}
	all := map[string][]process{}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !strings.Contains(string(env), c.mark) {
			continue // it has ended, or is somebody else's
		}
		if sid, err := unix.Getsid(pid); err != nil || sid != pid {
			continue // a child of a main process
		}
		var group, name string
		for v := range strings.SplitSeq(string(env), "\x00") {
			if s, ok := strings.CutPrefix(v, "SUPERVISOR_GROUP_NAME="); ok {
				group = s
			}
			if s, ok := strings.CutPrefix(v, "SUPERVISOR_PROCESS_NAME="); ok {
				name = s
			}
		}
		if p := (process{pid, startTime(pid)}); p.start != 0 {
			full := control.FullName(group, name)
			all[full] = append(all[full], p)
		}
	}
	return all
}

// look takes a census and tells of instances that run twice. Processes come and go
// while it counts: only those that live after it count.
func (c *census) look() map[string][]process {
	all := c.take()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts++
	for name, list := range all {
		for _, p := range list {
			c.owner[p.pid] = name
		}
		most := 1
		if c.overlap(name) {
			most = 2
		}
		var live []process
		if len(list) > most {
			for _, p := range list {
				if p.lives() {
					live = append(live, p)
				}
			}
		}
		if key := fmt.Sprint(name, live); len(live) > most && !c.doubled[key] {
			c.doubled[key] = true
			c.fault("%s runs %d times: %v", name, len(live), live)
		}
	}
	return all
}
