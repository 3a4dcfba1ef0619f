package cgroup

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// inSlice is a fake in which systemd runs us as a service of bulkhead.slice.
func inSlice(t *testing.T) (f *fake, slice string) {
	t.Helper()
	f = newFake(t, "memory", "pids")
	f.put(f.proc+"/self", "mountinfo", "1 1 0:1 / "+f.top+" rw - cgroup2 cgroup2 rw\n")
	f.put(f.proc+"/self", "cgroup", "0::/bulkhead.slice/x.service\n")
	slice = f.top + "/bulkhead.slice"
	for _, dir := range []string{slice, slice + "/x.service"} {
		if err := f.kernel().mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{f.top, slice} {
		for _, c := range []string{"memory", "pids"} {
			if err := f.write(dir+"/cgroup.subtree_control", "+"+c); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.put(slice+"/x.service", "cgroup.procs", "0\n")
	f.log = nil
	return f, slice
}

func beside(t *testing.T, f *fake) *Tree {
	t.Helper()
	tree, err := open(Options{Mode: "require", Proc: f.proc}, f.kernel())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func TestBesideTheService(t *testing.T) {
	f, slice := inSlice(t)
	tree := beside(t, f)
	if tree.Path() != slice+"/bulkhead" || tree.Mode() != Enforced {
		t.Errorf("built %q, %v: %s", tree.Path(), tree.Mode(), tree.Why())
	}
	// Nothing is written to what is systemd's, and nobody is moved.
	want := []string{
		"bulkhead.slice/bulkhead/cgroup.subtree_control=+memory", "bulkhead.slice/bulkhead/cgroup.subtree_control=+pids",
		"bulkhead.slice/bulkhead/programs/cgroup.subtree_control=+memory", "bulkhead.slice/bulkhead/programs/cgroup.subtree_control=+pids",
	}
	if d := cmp.Diff(want, f.log); d != "" {
		t.Errorf("writes (-want +got)\n%s", d)
	}
	fd, err := tree.KeepFD()
	if path, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || path != tree.Path()+"/keeper" {
		t.Errorf("the keeper is to be born in %q: %v", path, err)
	}
	unix.Close(fd)
	written := len(f.log)
	f.put(tree.Path()+"/keeper", "cgroup.procs", "815\n4711\n")
	if err := tree.Keep(4711); err != nil || len(f.log) != written {
		t.Errorf("the keeper, born there, is moved: %v, %q", err, f.log[written:])
	}
	f.put(tree.Path()+"/keeper", "cgroup.procs", "")
	if err := tree.Keep(4711); err != nil || f.get(tree.Path()+"/keeper/cgroup.procs") != "4711" {
		t.Errorf("the keeper: %v", err)
	}

	// Left behind, it is the next one's.
	run := sliceRun(t, tree, "queue", "queue_00", 1, Limits{})
	f.put(run.Path(), "cgroup.events", "populated 1\n")
	tree.Close()
	next := beside(t, f)
	if got, err := next.List(); err != nil || len(got) != 1 || got[0].Path != run.Path() || !got[0].Populated {
		t.Errorf("the next one finds %v, %v", got, err)
	}
	next.Retire()
	if _, err := os.Stat(run.Path()); err != nil {
		t.Errorf("Retire has removed a run that lives: %v", err)
	}

	// Ended for good, nothing of ours is left.
	f.put(run.Path(), "cgroup.events", "populated 0\n")
	f.put(tree.Path()+"/keeper", "cgroup.procs", "")
	if _, err := next.Sweep(); err != nil {
		t.Error(err)
	}
	f.log = nil
	next.Retire()
	if _, err := os.Stat(slice + "/bulkhead"); !os.IsNotExist(err) || len(f.log) > 0 {
		t.Errorf("after Retire the tree is there: %v; it wrote %q", err, f.log)
	}
	if f.get(slice+"/x.service/cgroup.procs") != "0" {
		t.Error("the supervisor has been moved")
	}
}

func sliceRun(t *testing.T, tree *Tree, program, instance string, n uint64, l Limits) *Group {
	t.Helper()
	p, err := tree.Program(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	g, err := p.NewRun(instance, n, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestUnprotected(t *testing.T) {
	for _, c := range []struct {
		name  string
		min   string // of the slice
		run   Limits
		wants string
	}{
		{"nobody asks", "0", Limits{}, ""},
		{"granted", "100663296", Limits{MemoryMin: 64 << 20}, ""},
		{"more than granted", "max", Limits{MemoryMin: 64 << 20}, ""},
		{"short", "33554432", Limits{MemoryMin: 64 << 20}, "memory_min holds only as far as every cgroup above grants it: "},
		{"not at all", "0", Limits{MemoryMin: 64 << 20}, "has 0, 100663296 are needed; systemctl set-property bulkhead.slice MemoryMin=100663296"},
		{"half a page short", "100663296", Limits{MemoryMin: 64<<20 + 2048}, ""},
		{"low", "max", Limits{MemoryLow: 1 << 20}, "memory_low holds only"},
	} {
		f, slice := inSlice(t)
		f.put(slice, "memory.min", c.min+"\n")
		tree := beside(t, f)
		sliceRun(t, tree, "redis", "redis", 1, c.run)
		if got := tree.Unprotected(); got != "" != (c.wants != "") || !strings.Contains(got, c.wants) {
			t.Errorf("%s: %q, want %q", c.name, got, c.wants)
		}
	}
}
