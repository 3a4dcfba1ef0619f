package conf

import (
	"cmp"
	"maps"
	"slices"
)

// membership is one group that a program's instances are in.
type membership struct {
	name     string
	priority int
}

// groups resolves the [groups.NAME] tables, and says of each program which
// groups it is in, in the order of the groups.
func (res *resolver) groups(c *Config, docs []*document) map[string][]membership {
	known := map[string]bool{}
	for _, doc := range docs {
		for name := range doc.raw.Programs {
			known[name] = true
		}
		for name, raw := range doc.raw.Groups {
			c.Groups = append(c.Groups, res.group(place{doc.file, []string{"groups", name}}, name, raw))
		}
	}
	slices.SortFunc(c.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	members := map[string][]membership{}
	for _, doc := range docs {
		for _, name := range slices.Sorted(maps.Keys(doc.raw.Groups)) {
			at := place{doc.file, []string{"groups", name, "programs"}}
			for _, program := range res.members(doc.raw.Groups[name]) {
				if !known[program] {
					res.problem(at, faultf(nearestHint(program, known), "a group names unknown program %s", program))
				}
			}
		}
	}
	for _, g := range c.Groups {
		for _, program := range g.Programs {
			members[program] = append(members[program], membership{g.Name, g.Priority})
		}
	}
	return members
}

func nearestHint(name string, known map[string]bool) string {
	if near := nearest(name, slices.Collect(maps.Keys(known))); near != "" {
		return "write " + near
	}
	return "remove it, or add the program"
}

func (res *resolver) group(at place, name string, raw *rawGroup) Group {
	if f := checkName(name); f != nil {
		res.problem(at, f)
	}
	fill(raw, ptr(groupDefaults()))
	g := Group{Name: name, Priority: int(*raw.Priority), Programs: res.members(raw)}
	if len(g.Programs) == 0 {
		res.problem(at, faultf(`write programs = ["NAME"]`, "the group has no programs"))
	}
	return g
}

// members lists the programs of a group, each once.
func (res *resolver) members(raw *rawGroup) []string {
	if raw.Programs == nil {
		return nil
	}
	var all []string
	for _, name := range *raw.Programs {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// programs resolves one [programs.NAME] table: a program for each of its
// groups, of which all but the first are named PROGRAM@GROUP.
func (res *resolver) programs(f *file, name string, raw *rawProgram, groups []membership) []Program {
	if len(groups) == 0 {
		return []Program{res.program(f, name, raw, membership{name, raw.groupPriority()})}
	}
	at := place{f, []string{"programs", name}}
	if raw.Listener != (rawListener{}) {
		res.problem(at, faultf("take it out of the group", "cannot use an event listener in the group %q: listeners are groups of their own", groups[0].name))
	}
	all := make([]Program, len(groups))
	for i, g := range groups {
		each := *raw
		all[i] = res.program(f, name, &each, g)
		if i > 0 {
			all[i].Name = name + "@" + g.name
		}
	}
	return all
}

// groupPriority is that of a program without [groups.*]. Listeners start first
// and stop last, to hear of all others.
func (raw *rawProgram) groupPriority() int {
	switch {
	case raw.Priority != nil:
		return int(*raw.Priority)
	case raw.Listener != (rawListener{}):
		return listenerPriority
	}
	return defaultPriority
}

// refuseTwinGroups reports what would be one group, or one instance, of two
// origins.
func (res *resolver) refuseTwinGroups(c *Config) {
	instances, programs, owner := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, g := range c.Groups {
		owner[g.Name] = true
	}
	for _, p := range c.Programs {
		if programs[p.Name] {
			res.problem(p.src.at, faultf("rename it", "cannot use the name %q twice", p.Name))
		}
		programs[p.Name] = true
		if p.GroupName == p.src.name && owner[p.GroupName] && !slices.ContainsFunc(c.Groups, func(g Group) bool {
			return g.Name == p.GroupName && slices.Contains(g.Programs, p.src.name)
		}) {
			res.problem(p.src.at, faultf("rename one of them", "cannot use the name %q for a program and for a group that it is not in", p.GroupName))
			continue
		}
		for _, in := range p.Instances {
			full := in.Group + ":" + in.Name
			if instances[full] && !res.bad[p.src.at.at("process_name").key()] {
				res.problem(p.src.at.at("process_name"), faultf("give one another process_name", "cannot have two instances %q", full))
			}
			instances[full] = true
		}
	}
}

// GroupNames lists the groups as supervisord sees them, in its order: by
// priority, then name. A program that is in no group is one itself.
func (c *Config) GroupNames() []string {
	var all []string
	for _, p := range c.Programs {
		if !slices.Contains(all, p.GroupName) {
			all = append(all, p.GroupName)
		}
	}
	return all
}

// ProgramsOf lists the programs of a group in the order of Programs.
func (c *Config) ProgramsOf(group string) []string {
	var all []string
	for _, p := range c.Programs {
		if p.GroupName == group {
			all = append(all, p.Name)
		}
	}
	return all
}
