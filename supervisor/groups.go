package supervisor

import (
	"slices"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// What users and supervisord's clients name and are told are groups: a program that is
// in no [groups.*] is one itself.

// byGroup says of a difference what it is to groups, sorted by name.
func byGroup(diff conf.Changes, old, next *conf.Config) control.Changes {
	var out control.Changes
	out.Added, out.Changed, out.Removed = diff.Groups(old, next)
	slices.Sort(out.Added)
	slices.Sort(out.Changed)
	slices.Sort(out.Removed)
	return out
}

// groups are those in service, sorted.
func (l *loop) groups() []string {
	var out []string
	for _, p := range l.programs {
		out = append(out, p.conf.GroupName)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// programsOf are the programs that names of groups, or of programs, mean in either
// configuration. nil means all.
func programsOf(names []string, old, next *conf.Config) []string {
	if len(names) == 0 {
		return nil
	}
	out := []string{}
	for _, c := range []*conf.Config{old, next} {
		for _, p := range c.Programs {
			if (slices.Contains(names, p.Name) || slices.Contains(names, p.GroupName)) && !slices.Contains(out, p.Name) {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// doneByGroup says of what was done to programs what that is to their groups.
func doneByGroup(done map[string]string, groups control.Changes, old, next *conf.Config) map[string]string {
	out := map[string]string{}
	for _, c := range []*conf.Config{old, next} {
		for _, p := range c.Programs {
			switch {
			case done[p.Name] == "":
			case slices.Contains(groups.Added, p.GroupName):
				out[p.GroupName] = "added"
			case slices.Contains(groups.Removed, p.GroupName):
				out[p.GroupName] = "removed"
			default:
				out[p.GroupName] = "updated"
			}
		}
	}
	return out
}
