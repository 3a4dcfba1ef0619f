package conf

import "slices"

// Groups are the changes as supervisord tells them, by group and in the order
// of groups: a program that is in no group is one itself. c must be what Diff
// made of the two.
func (c Changes) Groups(old, new *Config) (added, changed, removed []string) {
	before, after := old.GroupNames(), new.GroupNames()
	touched := map[string]bool{} // by a program that is in both
	for _, change := range c.Changed {
		for _, cfg := range []*Config{old, new} {
			for _, p := range cfg.Programs {
				touched[p.GroupName] = touched[p.GroupName] || p.Name == change.Program
			}
		}
	}
	for _, name := range after {
		was, is := old.ProgramsOf(name), new.ProgramsOf(name)
		slices.Sort(was)
		slices.Sort(is)
		switch {
		case !slices.Contains(before, name):
			added = append(added, name)
		case touched[name] || !slices.Equal(was, is):
			changed = append(changed, name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			removed = append(removed, name)
		}
	}
	return added, changed, removed
}
