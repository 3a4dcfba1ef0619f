package faults_test

import (
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// object is what a call is about, by kind: the same for every life.
type object struct {
	name    string
	cgroup  bool
	reading bool // a cgroup's file of numbers, or of a cgroup outside of the tree
	alien   bool // /proc, /etc, /usr: the Go runtime's and its library's, most of them
}

// full is what writing fails with when there is no room.
func (o object) full() unix.Errno {
	switch {
	case o.cgroup:
		return unix.EBUSY
	case strings.HasPrefix(o.name, "socket"):
		return unix.ECONNRESET
	case strings.HasPrefix(o.name, "pipe"):
		return unix.EPIPE
	}
	return unix.ENOSPC
}

// namer knows the directory of one life.
type namer struct{ dir string }

var (
	inCgroup   = regexp.MustCompile(`^/sys/fs/cgroup(/unified)?`)
	ownTree    = regexp.MustCompile(`^/bulkhead-[0-9a-f]{8}`)
	inode      = regexp.MustCompile(`:\[\d+\]$`)
	hash       = regexp.MustCompile(`[0-9a-f]{8,}`)
	controller = regexp.MustCompile(`^(memory|pids|cpu|io)\.`)
	fifo       = regexp.MustCompile(`^b\.d/.*\+.*\.(stdout|stderr)$`)
	number     = regexp.MustCompile(`\d+`)
)

// of names what is at path, which may be what /proc shows of a descriptor.
func (n namer) of(path string) object {
	path = strings.TrimSuffix(path, " (deleted)")
	if own, ok := strings.CutPrefix(path, n.dir); ok {
		own = strings.TrimPrefix(own, "/")
		if fifo.MatchString(own) {
			return object{name: "output FIFO"}
		}
		return object{name: plain(own)}
	}
	if in := inCgroup.FindString(path); in != "" {
		name := compartment(path[len(in):])
		numbers := strings.HasPrefix(name, "home/") || controller.MatchString(filepath.Base(name))
		return object{name: "cgroup " + name, cgroup: true, reading: numbers}
	}
	if what, ok := strings.CutPrefix(path, "anon_inode:"); ok {
		return object{name: what}
	}
	if inode.MatchString(path) {
		return object{name: inode.ReplaceAllString(path, "")}
	}
	return object{name: plain(path), alien: true}
}

func plain(path string) string {
	return number.ReplaceAllString(hash.ReplaceAllString(path, "H"), "N")
}

// compartment names a directory or file of the tree by the role of its directory:
// home (where the tree is), tree, supervisor, programs, program, run.
func compartment(path string) string {
	own := ownTree.FindString(path)
	if own == "" {
		return filepath.Join("home", path)
	}
	parts := strings.Split(strings.Trim(path[len(own):], "/"), "/")
	role := "tree"
	if parts[0] == "" {
		return role
	}
	if parts[0] == "supervisor" {
		role, parts = "supervisor", parts[1:]
	} else if parts[0] == "programs" {
		roles := []string{"programs", "program", "run"}
		for role, parts = roles[0], parts[1:]; len(parts) > 0 && len(roles) > 1 && !interfaceFile(parts[0]); parts = parts[1:] {
			roles = roles[1:]
			role = roles[0]
		}
	}
	return filepath.Join(append([]string{role}, parts...)...)
}

func interfaceFile(name string) bool {
	return strings.HasPrefix(name, "cgroup.") || controller.MatchString(name)
}
