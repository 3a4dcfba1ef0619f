package doctor

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// limits finds the memory limits of cgroups. Trees are looked for where every
// distribution mounts them.
type limits struct {
	v2, v1 string // directories; "" where there is no such tree
	known  map[string]int64
}

func newLimits(root string) *limits {
	l := &limits{known: map[string]int64{}}
	base := filepath.Join(root, "sys/fs/cgroup")
	for _, dir := range []string{base, filepath.Join(base, "unified")} { // the second on hybrid hosts
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err == nil && slices.Contains(strings.Fields(string(b)), "memory") {
			l.v2 = dir
		}
	}
	v1 := filepath.Join(base, "memory")
	if _, err := os.Stat(filepath.Join(v1, "memory.limit_in_bytes")); err == nil {
		l.v1 = v1
	}
	return l
}

// of finds the limit of a process by the lines of its /proc/PID/cgroup.
func (l *limits) of(all []procfs.Cgroup) Cgroup {
	c := Cgroup{Max: unknown}
	for _, line := range all {
		unified := line.HierarchyID == 0 && len(line.Controllers) == 0
		if unified || slices.Contains(line.Controllers, "name=systemd") {
			c.Unit = cmp.Or(c.Unit, unitOf(printable(line.Path)))
		}
		switch {
		case unified && l.v2 != "":
			c.Path, c.Max = printable(line.Path), l.lowest(l.v2, line.Path, "memory.max")
		case l.v2 == "" && l.v1 != "" && slices.Contains(line.Controllers, "memory"):
			c.Path, c.Max = printable(line.Path), l.lowest(l.v1, line.Path, "memory.limit_in_bytes")
		}
	}
	return c
}

// lowest is the lowest limit from the cgroup up to the top of the tree. A path
// that leads out of what is mounted ("/../x", seen from a namespace) is unknown.
func (l *limits) lowest(tree, name, file string) int64 {
	if !strings.HasPrefix(name, "/") || strings.HasPrefix(name, "/..") {
		return unknown
	}
	key := tree + name
	if n, ok := l.known[key]; ok {
		return n
	}
	lowest := Unlimited
	for at := path.Clean(name); ; at = path.Dir(at) {
		if b, err := os.ReadFile(filepath.Join(tree, at, file)); err == nil {
			lowest = min(lowest, parseMax(string(b)))
		}
		if at == "/" {
			break
		}
	}
	l.known[key] = lowest
	return lowest
}

// parseMax reads memory.max, or v1's memory.limit_in_bytes, where no limit is the
// largest number of whole pages.
func parseMax(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n >= 1<<62 {
		return Unlimited
	}
	return n
}

// unitOf is the service that a cgroup's path names, the innermost one. What a user's own
// systemd runs is that user's matter: user@1000.service is no answer.
func unitOf(name string) string {
	parts := strings.Split(name, "/")
	for _, p := range slices.Backward(parts) {
		if strings.HasSuffix(p, ".service") && !strings.HasPrefix(p, "user@") {
			return p
		}
	}
	return ""
}
