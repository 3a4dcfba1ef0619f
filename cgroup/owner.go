package cgroup

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Owner is the process that a command's cgroup belongs to.
type Owner struct {
	PID       int
	Start     uint64 // clock ticks after boot: a number that was given out again is not it
	Namespace uint64 // of pids, its inode: in another one the number means another process
}

// self is this process as an owner.
func self(proc string) (Owner, error) {
	pid := os.Getpid()
	p, ok := readProc(proc, pid)
	if !ok {
		return Owner{}, fmt.Errorf("cannot read %q", fmt.Sprintf("%s/%d/stat", proc, pid))
	}
	o := Owner{PID: pid, Start: p.start}
	// pid:[4026531836]; 0, as everyone's, where it may not be read.
	link, _ := os.Readlink(proc + "/self/ns/pid")
	_, id, _ := strings.Cut(strings.TrimSuffix(link, "]"), "[")
	o.Namespace, _ = strconv.ParseUint(id, 10, 64)
	return o, nil
}

// maxLabel keeps a name below NAME_MAX when every byte of the label is escaped.
const maxLabel = 60

// oneoffName names a command's directory.
func oneoffName(label string, o Owner) string {
	if len(label) > maxLabel {
		label = label[:maxLabel]
	}
	return fmt.Sprintf("%s.%d-%d-%d", escape(label), o.PID, o.Start, o.Namespace)
}

// parseOneoffName is the inverse of oneoffName; false for a name it never made.
func parseOneoffName(dir string) (label string, o Owner, ok bool) {
	name, numbers, found := strings.Cut(dir, ".")
	parts := strings.Split(numbers, "-")
	if !found || len(parts) != 3 {
		return "", Owner{}, false
	}
	label, ok = unescape(name)
	pid, err1 := strconv.ParseInt(parts[0], 10, 32)
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	namespace, err3 := strconv.ParseUint(parts[2], 10, 64)
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return "", Owner{}, false
	}
	o = Owner{int(pid), start, namespace}
	return label, o, pid > 0 && oneoffName(label, o) == dir
}
