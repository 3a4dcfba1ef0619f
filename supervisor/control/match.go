package control

import (
	"slices"
	"strings"
)

// ID is what an instance can be called by.
type ID struct {
	Group   string
	Name    string // of the instance, without its group
	Program string
}

// FullName joins a group and an instance's name as supervisorctl prints them:
// bare where the two agree.
func FullName(group, name string) string {
	if group == name || group == "" || strings.Contains(name, ":") {
		return name
	}
	return group + ":" + name
}

// Match finds the instances that names on a command line mean. It returns
// their indices in all, each once, in the order of the patterns (of all, within
// one pattern), and a BadName or BadGroup outcome for every pattern that means
// none. The patterns are supervisorctl's (4.2.5, split_namespec):
//
//	all            every instance, whatever else is named
//	group:*        every instance of the group; "group:" is the same
//	group:name     one instance
//	name           the instance whose group has the same name
//
// and one more: a bare name that is no instance but a program means all
// instances of the program. supervisorctl says "no such process" there. An
// instance named twice is matched once; supervisorctl would do it twice.
func Match(patterns []string, all []ID) (found []int, bad []Outcome) {
	for _, p := range patterns {
		if p == "all" {
			found = make([]int, len(all))
			for i := range all {
				found[i] = i
			}
			return found, nil
		}
	}
	seen := make([]bool, len(all))
	for _, p := range patterns {
		hit := false
		for i := range selected(p, all) {
			hit = true
			if !seen[i] {
				seen[i] = true
				found = append(found, i)
			}
		}
		if !hit {
			bad = append(bad, noMatch(p))
		}
	}
	return found, bad
}

// Names reports whether a pattern means this instance and no other of its group,
// rather than a group, a program or all that the instance is a part of.
func Names(patterns []string, id ID) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		group, name, whole := split(p)
		return !whole && group == id.Group && name == id.Name
	})
}

// MatchStatus is [Match] over statuses; no pattern at all means every one.
func MatchStatus(patterns []string, all []Status) (found []Status, bad []Outcome) {
	if len(patterns) == 0 {
		return all, nil
	}
	ids := make([]ID, len(all))
	for i, s := range all {
		ids[i] = ID{Group: s.Group, Name: s.Name, Program: s.Program}
	}
	at, bad := Match(patterns, ids)
	for _, i := range at {
		found = append(found, all[i])
	}
	return found, bad
}

// selected yields the indices of the instances one pattern means.
func selected(pattern string, all []ID) func(yield func(int) bool) {
	group, name, whole := split(pattern)
	fits := func(id ID) bool { return id.Group == group && (whole || id.Name == name) }
	if !whole && group == name && !anyID(all, fits) {
		fits = func(id ID) bool { return id.Program == name }
	}
	return func(yield func(int) bool) {
		for i, id := range all {
			if fits(id) && !yield(i) {
				return
			}
		}
	}
}

func anyID(all []ID, fits func(ID) bool) bool {
	for _, id := range all {
		if fits(id) {
			return true
		}
	}
	return false
}

// split takes a pattern apart; whole says that it means a group.
func split(pattern string) (group, name string, whole bool) {
	group, name, colon := strings.Cut(pattern, ":")
	if !colon {
		return pattern, pattern, false
	}
	return group, name, name == "" || name == "*"
}

func noMatch(pattern string) Outcome {
	group, name, whole := split(pattern)
	switch {
	case whole:
		return Outcome{Name: group, Fault: BadGroup}
	case group == name:
		return Outcome{Name: name, Fault: BadName}
	}
	return Outcome{Name: pattern, Fault: BadName}
}
