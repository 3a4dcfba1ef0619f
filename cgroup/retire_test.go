package cgroup

import (
	"os"
	"slices"
	"testing"
)

func TestRetire(t *testing.T) {
	for _, c := range []struct {
		name     string
		before   func(f *fake)             // a supervisor is started
		during   func(f *fake, tree *Tree) // it is told to end
		stays    bool                      // the tree, and with it the controllers
		enabled  []string                  // for the children of the place, afterwards
		returned []string                  // processes back in the place
	}{
		{name: "alone", returned: []string{"0"}},
		{name: "a container's other processes", before: func(f *fake) { f.put(f.top, "cgroup.procs", "1\n4711\n") },
			returned: []string{"0", "1", "4711"}},
		{name: "a program is left", during: func(f *fake, tree *Tree) {
			if _, err := tree.Program("queue"); err != nil {
				f.t.Fatal(err)
			}
		}, stays: true, enabled: []string{"memory", "pids"}},
		{name: "controllers of somebody else", before: func(f *fake) { f.write(f.top+"/cgroup.subtree_control", "+pids") },
			stays: true, enabled: []string{"pids"}},
		{name: "a child of somebody else gives them on", during: func(f *fake, _ *Tree) {
			if err := f.kernel().mkdir(f.top + "/other"); err != nil {
				f.t.Fatal(err)
			}
			f.write(f.top+"/other/cgroup.subtree_control", "+memory")
		}, stays: true, enabled: []string{"memory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, "memory", "pids")
			if c.before != nil {
				c.before(f)
			}
			tree := f.tree("require")
			if c.during != nil {
				c.during(f, tree)
			}
			tree.Retire()
			if _, err := os.Stat(tree.Path()); os.IsNotExist(err) == c.stays {
				t.Errorf("the tree stays: %v, want %v", err == nil, c.stays)
			}
			if got := words(f.top + "/cgroup.subtree_control"); !slices.Equal(got, c.enabled) {
				t.Errorf("the place gives on %q, want %q", got, c.enabled)
			}
			got := words(f.top + "/cgroup.procs")
			slices.Sort(got)
			if !slices.Equal(got, c.returned) {
				t.Errorf("the place holds %q, want %q", got, c.returned)
			}
			tree.Close()
			if again := f.tree("require"); again.Mode() != Enforced {
				t.Errorf("started again: %v, %s", again.Mode(), again.Why())
			}
		})
	}
}
