package supervisor

import (
	"slices"

	"bulkhead/conf"
)

// groupOf is the group of a program's instances, of a program without one too.
func groupOf(c *conf.Config, p *conf.Program) string {
	if len(p.Instances) > 0 {
		return p.Instances[0].Group
	}
	for _, g := range c.Groups {
		if slices.Contains(g.Programs, p.Name) {
			return g.Name
		}
	}
	return p.Name
}

// groupsOf are the groups of a config in its order, with the names of their programs.
func groupsOf(c *conf.Config) (names []string, programs map[string][]string) {
	programs = map[string][]string{}
	for i := range c.Programs {
		g := groupOf(c, &c.Programs[i])
		if programs[g] == nil {
			names = append(names, g)
		}
		programs[g] = append(programs[g], c.Programs[i].Name)
	}
	return names, programs
}

// groups are those in service, sorted.
func (l *loop) groups() []string {
	var out []string
	for _, p := range l.programs {
		out = append(out, groupOf(l.config, &p.conf))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// groupChanges says how the groups of a config differ from those in force.
func groupChanges(old, new *conf.Config) (added, changed, removed []string) {
	was, before := groupsOf(old)
	are, now := groupsOf(new)
	diff := conf.Diff(old, new)
	differs := slices.Concat(diff.Added, diff.Removed)
	for _, c := range diff.Changed {
		differs = append(differs, c.Program)
	}
	touched := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(differs, n) })
	}
	for _, g := range are {
		switch {
		case before[g] == nil:
			added = append(added, g)
		case touched(before[g]), touched(now[g]):
			changed = append(changed, g)
		}
	}
	for _, g := range was {
		if now[g] == nil {
			removed = append(removed, g)
		}
	}
	return added, changed, removed
}
