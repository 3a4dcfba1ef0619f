package cgroup

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// host is what decides where a tree may be built.
type host struct {
	mount     string // where cgroup v2 is mounted; "" nowhere
	realRoot  bool   // mount is the root of the whole hierarchy, where processes and controllers may meet
	memoryV1  bool   // a cgroup v1 hierarchy holds the memory controller
	own       string // our own cgroup's directory; "" when it is not below mount
	delegated []string
	memory    map[string]bool // directories whose cgroup.controllers has memory
	uid       int
	fixed     bool // mount was given, and is the only place
}

// site is a directory in which a tree may be built.
type site struct {
	dir    string
	inner  bool // it will be an inner node: no process may stay in it
	beside bool // the tree holds programs alone: the supervisor stays where it is
}

// sites are the places to try, best first. Nothing is written to find out.
//
//  1. where an earlier start of ours has put us: <dir>/bulkhead/supervisor; or,
//     run as a program of another supervisor, the cgroup it gave us: its
//     limits are meant for us
//  2. the slice of our own that our service is in: programs live beside the
//     service there, and outlive its restarts (see [ownSlice])
//  3. the nearest delegated cgroup we are in (systemd's Delegate=yes), but never
//     the one of a user's own systemd
//  4. root: the top of what is mounted. It is the real root, a container's
//     own, or, in a session or a service that is not delegated, better than a
//     cgroup that systemd believes to own
//  5. our own cgroup: what is left, and right for an ordinary user whose
//     subtree was given by chown
//
// Among 2 to 5, places with the memory controller come first.
func sites(h host, name string) []site {
	if h.mount == "" {
		return nil
	}
	var dirs []string
	var slice string
	if h.fixed {
		dirs = []string{h.mount}
	} else {
		slice = ownSlice(h.mount, h.own)
		dirs = append(dirs, slice)
		if len(h.delegated) > 0 {
			dirs = append(dirs, ours(h.delegated[0], h.own))
		}
		rest := []string{h.own, h.mount}
		if h.uid == 0 {
			rest = []string{h.mount, h.own}
		}
		dirs = append(dirs, rest...)
		slices.SortStableFunc(dirs, func(a, b string) int {
			return btoi(h.memory[b]) - btoi(h.memory[a])
		})
		if up, ok := strings.CutSuffix(h.own, "/"+name+"/"+supervisorDir); ok {
			dirs = slices.Insert(dirs, 0, up)
		} else if strings.Contains(h.own, "/"+name+"/"+programsDir+"/") {
			dirs = slices.Insert(dirs, 0, h.own)
		}
	}
	var out []site
	for _, dir := range dirs {
		s := site{dir: dir, inner: dir != h.mount || !h.realRoot}
		if dir == slice {
			s.inner, s.beside = false, true
		}
		if dir != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// ownSlice is the directory of bulkhead.slice, or of one inside it
// (bulkhead-two.slice), where the unit we run in is a service directly in it; ""
// elsewhere.
//
// systemd leaves alone what it has not made in a slice, and its processes, while
// units in it start, stop, fail and are restarted, through daemon-reload and
// daemon-reexec, and when the slice itself is stopped; it takes no controller
// back that is in use below (seen with systemd 252 and 257). In the
// service's own cgroup nothing may be left behind: with controllers given on in it
// systemd cannot start the service's next process there (EBUSY; before 254 there
// is no DelegateSubgroup= to avoid that).
func ownSlice(mount, own string) string {
	rel, ok := strings.CutPrefix(own, mount+"/")
	if !ok {
		return ""
	}
	names := strings.Split(rel, "/")
	for i := len(names) - 2; i >= 0; i-- {
		slice, isSlice := strings.CutSuffix(names[i], ".slice")
		if isSlice && (slice == defaultName || strings.HasPrefix(slice, defaultName+"-")) && strings.HasSuffix(names[i+1], ".service") {
			return filepath.Join(mount, filepath.Join(names[:i+1]...))
		}
	}
	return ""
}

// ours is the cgroup to build in where the nearest delegated one is as given.
// That of user@UID.service was given to the user's systemd, which divides it among
// its units and does not mark those it delegates (seen with systemd 252): of
// them all, the one we are in is the one we may have been given.
func ours(delegated, own string) string {
	unit := filepath.Base(delegated)
	if strings.HasPrefix(unit, "user@") && strings.HasSuffix(unit, ".service") {
		return own
	}
	return delegated
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// look gathers the facts from the mount table, /proc and the directories.
func look(o Options) (host, error) {
	h := host{mount: o.Mount, fixed: o.Mount != "", uid: os.Geteuid()}
	table, err := os.ReadFile(o.Proc + "/self/mountinfo")
	if err != nil {
		return h, err
	}
	m, v1 := parseMounts(table)
	h.memoryV1 = v1
	top := "/"
	if !h.fixed {
		h.mount, top = m.point, m.root
	}
	if h.mount == "" {
		return h, nil
	}
	own, err := os.ReadFile(o.Proc + "/self/cgroup")
	if err != nil {
		return h, err
	}
	h.own = ownDir(h.mount, top, parseOwn(own))
	_, err = os.Lstat(h.mount + "/cgroup.type")
	h.realRoot = os.IsNotExist(err)
	h.memory = map[string]bool{h.mount: hasMemory(h.mount)}
	for dir := h.own; dir != "" && strings.HasPrefix(dir, h.mount); dir = filepath.Dir(dir) {
		h.memory[dir] = hasMemory(dir)
		if delegated(dir) {
			h.delegated = append(h.delegated, dir)
		}
		if dir == h.mount {
			break
		}
	}
	return h, nil
}

func hasMemory(dir string) bool {
	b, _ := os.ReadFile(dir + "/cgroup.controllers")
	return slices.Contains(strings.Fields(string(b)), "memory")
}

// delegated reads systemd's mark: user.delegate since systemd 251 on Linux 5.6,
// trusted.delegate (root's eyes only) before.
func delegated(dir string) bool {
	var v [8]byte
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, name, v[:]); err == nil && n > 0 && v[0] == '1' {
			return true
		}
	}
	return false
}

// ownDir translates the path of /proc/self/cgroup, which counts from the
// cgroup namespace's root, to a directory below the mount, whose own root may
// be a subtree of that. "" when it lies outside.
func ownDir(mount, top, own string) string {
	if own == "" || !filepath.IsAbs(own) || strings.HasPrefix(own, "/..") || strings.HasSuffix(own, " (deleted)") {
		return ""
	}
	rel := strings.TrimPrefix(own, "/")
	if top != "/" {
		var ok bool
		if rel, ok = strings.CutPrefix(own, top); !ok || rel != "" && rel[0] != '/' {
			return ""
		}
	}
	return filepath.Join(mount, rel)
}

// parseOwn returns the v2 path from /proc/PID/cgroup; "" when there is none.
func parseOwn(b []byte) string {
	for line := range bytes.Lines(b) {
		if path, ok := bytes.CutPrefix(line, []byte("0::")); ok {
			return strings.TrimSuffix(string(path), "\n")
		}
	}
	return ""
}

type mount struct{ point, root string }

// parseMounts finds in /proc/PID/mountinfo where cgroup v2 is mounted, and
// whether a v1 hierarchy has the memory controller. Of several v2 mounts the
// usual places win, then the first.
func parseMounts(b []byte) (v2 mount, memoryV1 bool) {
	rank := func(point string) int {
		return slices.Index([]string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}, point)
	}
	for line := range bytes.Lines(b) {
		before, after, ok := strings.Cut(string(line), " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(kind) < 3 {
			continue
		}
		switch kind[0] {
		case "cgroup":
			memoryV1 = memoryV1 || slices.Contains(strings.Split(kind[2], ","), "memory")
		case "cgroup2":
			m := mount{point: unoctal(f[4]), root: unoctal(f[3])}
			if v2.point == "" || rank(m.point) > rank(v2.point) {
				v2 = m
			}
		}
	}
	return v2, memoryV1
}

// unoctal undoes the kernel's \040 spelling of blanks in mountinfo.
func unoctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			n, ok := 0, true
			for _, c := range []byte(s[i+1 : i+4]) {
				ok = ok && c >= '0' && c <= '7'
				n = n*8 + int(c-'0')
			}
			if ok && n < 256 {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
