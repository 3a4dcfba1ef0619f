package cgroup

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestOpenBuildsTheTree(t *testing.T) {
	f := newFake(t, "cpuset", "cpu", "io", "memory", "pids")
	f.put(f.top, "cgroup.procs", "1\n4711\n")
	tree := f.tree("auto")
	want := []string{
		"bulkhead/supervisor/cgroup.procs=0",
		"bulkhead/supervisor/cgroup.procs=1", // the top is to be an inner node: everybody out
		"bulkhead/supervisor/cgroup.procs=4711",
		"cgroup.subtree_control=+memory", "cgroup.subtree_control=+pids", "cgroup.subtree_control=+cpu", "cgroup.subtree_control=+io",
		"bulkhead/cgroup.subtree_control=+memory", "bulkhead/cgroup.subtree_control=+pids", "bulkhead/cgroup.subtree_control=+cpu", "bulkhead/cgroup.subtree_control=+io",
		"bulkhead/programs/cgroup.subtree_control=+memory", "bulkhead/programs/cgroup.subtree_control=+pids",
		"bulkhead/programs/cgroup.subtree_control=+cpu", "bulkhead/programs/cgroup.subtree_control=+io",
		"bulkhead/supervisor/memory.min=33554432",
		"bulkhead/memory.min=33554432", "bulkhead/memory.low=0",
	}
	if d := cmp.Diff(want, f.log); d != "" {
		t.Errorf("writes (-want +got)\n%s", d)
	}
	if tree.Mode() != Enforced || tree.Why() != "" || tree.Path() != f.top+"/bulkhead" {
		t.Errorf("mode %v, why %q, path %q", tree.Mode(), tree.Why(), tree.Path())
	}
	if got := tree.Controllers(); !slices.Equal(got, []string{"memory", "pids", "cpu", "io"}) {
		t.Errorf("controllers %q", got)
	}

	f.log = nil
	if _, err := open(f.options("auto"), f.kernel()); !errors.Is(err, ErrInUse) {
		t.Errorf("a second supervisor in the same tree: %v, want ErrInUse", err)
	}
	if len(f.log) > 0 {
		t.Errorf("the refused supervisor wrote %q", f.log)
	}
	tree.Close()
	again := f.tree("require")
	if again.Mode() != Enforced {
		t.Errorf("a left tree used again: %v, %s", again.Mode(), again.Why())
	}
	if other, err := open(Options{Mount: f.top, Proc: f.proc, Name: "other"}, f.kernel()); err != nil || other.Path() != f.top+"/other" {
		t.Errorf("a second tree of another name: %v", err)
	}
}

func TestOpenWithLess(t *testing.T) {
	everything := []string{"memory", "pids", "cpu", "io"}
	for _, c := range []struct {
		name        string
		controllers []string
		fails       map[string]error
		mode        Mode
		have        []string
		why         []string // what the sentence must contain
	}{
		{"a user's session", []string{"cpu", "memory", "pids"}, nil, Enforced, []string{"memory", "pids", "cpu"},
			[]string{"limits of io cannot be held", "Delegate=yes"}},
		{"no memory", []string{"hugetlb", "pids"}, nil, Tracking, []string{"pids"}, []string{"memory limits cannot be held"}},
		{"nothing at all", nil, nil, Tracking, nil, []string{"memory limits cannot be held"}},
		{"read-only", everything, map[string]error{"bulkhead": unix.EROFS}, None, nil,
			[]string{"/bulkhead", "read-only file system", "--security-opt writable-cgroups=true"}},
		{"not ours", everything, map[string]error{"bulkhead": unix.EACCES}, None, nil, []string{"permission denied"}},
		{"cannot move", everything, map[string]error{"bulkhead/supervisor/cgroup.procs": unix.EACCES}, None, nil,
			[]string{"supervisor/cgroup.procs", "permission denied"}},
		{"foreign processes stay", everything, map[string]error{"cgroup.subtree_control": unix.EBUSY}, Tracking, nil,
			[]string{`"+memory"`, "cgroup.subtree_control", "resource busy", "move the processes"}},
		{"real-time tasks", everything, map[string]error{"cgroup.subtree_control=+cpu": unix.EINVAL}, Enforced, []string{"memory", "pids", "io"},
			[]string{"limits of cpu cannot be held", `cannot write "+cpu"`, "invalid argument"}},
		{"no memory.min for us", everything, map[string]error{"bulkhead/supervisor/memory.min": unix.EACCES}, Enforced, everything, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.controllers...)
			f.fails = c.fails
			tree := f.tree("auto")
			if tree.Mode() != c.mode || !slices.Equal(tree.Controllers(), c.have) {
				t.Errorf("mode %v with %q, want %v with %q", tree.Mode(), tree.Controllers(), c.mode, c.have)
			}
			for _, part := range c.why {
				if !strings.Contains(tree.Why(), part) {
					t.Errorf("why %q does not say %q", tree.Why(), part)
				}
			}
			if strings.Contains(tree.Why(), "\n") || (tree.Why() == "") != (c.why == nil) {
				t.Errorf("why %q is not one sentence", tree.Why())
			}
			if c.mode == None {
				if _, err := os.Stat(f.top + "/bulkhead"); !os.IsNotExist(err) {
					t.Errorf("a failed build left its directory: %v", err)
				}
				if _, err := tree.Program("queue"); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("Program without a tree: %v", err)
				}
			}
			tree.Close()
			_, err := open(f.options("require"), f.kernel())
			if (err == nil) != (c.mode == Enforced) || err != nil && err.Error() != tree.Why() {
				t.Errorf("require: %v", err)
			}
		})
	}
}

func TestOpenModes(t *testing.T) {
	f := newFake(t, "memory")
	off := f.tree("off")
	if off.Mode() != None || off.Why() != whyOff || len(f.log) > 0 {
		t.Errorf("off: %v, %q, wrote %q", off.Mode(), off.Why(), f.log)
	}
	if _, err := open(f.options("maybe"), f.kernel()); err == nil || !strings.Contains(err.Error(), `"maybe"`) {
		t.Errorf("an unknown mode: %v", err)
	}
	proc := t.TempDir()
	if err := os.Mkdir(proc+"/self", 0o755); err != nil {
		t.Fatal(err)
	}
	f.put(proc+"/self", "mountinfo", "1 1 0:1 / / rw - ext4 /dev/vda rw\n")
	none, err := open(Options{Proc: proc}, f.kernel())
	if err != nil || none.Mode() != None || !strings.Contains(none.Why(), "no cgroup v2 is mounted") {
		t.Errorf("no mount: %v, %v, %q", err, none.Mode(), none.Why())
	}
	if blind, err := open(Options{Proc: proc + "/none"}, f.kernel()); err != nil || !strings.Contains(blind.Why(), "mount /proc") {
		t.Errorf("no /proc: %v, %q", err, blind.Why())
	}
}

func TestWhySentences(t *testing.T) {
	on := &Tree{mode: Tracking, top: "/cg/bulkhead"}
	for _, c := range []struct {
		host host
		tree *Tree
		err  error
		want string
	}{
		{host{mount: "/cg", memoryV1: true, realRoot: true}, on, nil, cureBoot},
		{host{mount: "/cg", realRoot: true, memory: map[string]bool{}}, on, nil, cureDisabled},
		{host{mount: "/cg", realRoot: true, memory: map[string]bool{"/cg": true}}, on, nil, cureParent},
		{host{mount: "/cg", realRoot: true, uid: 1000}, &Tree{}, unix.EACCES, cureUser},
		{host{mount: "/cg", realRoot: true}, &Tree{}, unix.EPERM, cureService},
		{host{mount: "/cg", realRoot: true, memoryV1: true, uid: 1000}, &Tree{}, unix.EACCES, cureBoot},
		{host{mount: "/cg"}, &Tree{}, unix.EPERM, cureContainer},
		{host{mount: "/cg", uid: 1000}, &Tree{}, unix.EROFS, cureContainer},
	} {
		if got := whyNot(c.host, c.tree, c.err); !strings.HasSuffix(got, "; "+c.want) {
			t.Errorf("whyNot(%+v, %v) = %q, want the cure %q", c.host, c.err, got, c.want)
		}
	}
}
