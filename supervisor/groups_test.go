package supervisor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// inGroups is a config of programs, each "name group version".
func inGroups(programs ...string) *conf.Config {
	c := &conf.Config{}
	for _, text := range programs {
		f := strings.Fields(text)
		c.Programs = append(c.Programs, conf.Program{Name: f[0], GroupName: f[1], EnvFile: f[2],
			Instances: []conf.Instance{{Name: f[0], Group: f[1]}}})
	}
	return c
}

// TestByGroup: what a difference of programs is to their groups, and what was done.
func TestByGroup(t *testing.T) {
	for _, c := range []struct {
		name      string
		old, next *conf.Config
		names     []string
		want      control.Changes
		programs  []string
	}{
		{"nothing", inGroups("a a 1"), inGroups("a a 1"), nil, control.Changes{}, nil},
		{"programs alone", inGroups("a a 1", "b b 1"), inGroups("b b 2", "c c 1"), nil,
			control.Changes{Added: []string{"c"}, Changed: []string{"b"}, Removed: []string{"a"}}, nil},
		{"a member changes", inGroups("a g 1", "b g 1"), inGroups("a g 1", "b g 2"), []string{"g"}, control.Changes{Changed: []string{"g"}}, []string{"a", "b"}},
		{"a member comes", inGroups("a g 1"), inGroups("a g 1", "b g 1"), []string{"b"}, control.Changes{Changed: []string{"g"}}, []string{"b"}},
		{"a member goes", inGroups("a g 1", "b g 1"), inGroups("a g 1"), nil, control.Changes{Changed: []string{"g"}}, nil},
		{"a group goes", inGroups("a g 1", "b g 1"), inGroups("c c 1"), []string{"g"}, control.Changes{Added: []string{"c"}, Removed: []string{"g"}}, []string{"a", "b"}},
		{"into a group", inGroups("a a 1", "b b 1"), inGroups("a g 1", "b g 1"), []string{"g"},
			control.Changes{Added: []string{"g"}, Removed: []string{"a", "b"}}, []string{"a", "b"}},
		{"nobody of that name", inGroups("a a 1"), inGroups("a a 2"), []string{"z"}, control.Changes{Changed: []string{"a"}}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			diff := conf.Diff(c.old, c.next)
			got := byGroup(diff, c.old, c.next)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.programs, programsOf(c.names, c.old, c.next)); d != "" {
				t.Error(d)
			}
			done := map[string]string{}
			for _, p := range append(append([]string{}, diff.Added...), diff.Removed...) {
				done[p] = "x"
			}
			for _, ch := range diff.Changed {
				done[ch.Program] = "x"
			}
			words := map[string]string{}
			for _, g := range got.Added {
				words[g] = "added"
			}
			for _, g := range got.Changed {
				words[g] = "updated"
			}
			for _, g := range got.Removed {
				words[g] = "removed"
			}
			if d := cmp.Diff(words, doneByGroup(done, got, c.old, c.next)); d != "" {
				t.Error(d)
			}
		})
	}
}
