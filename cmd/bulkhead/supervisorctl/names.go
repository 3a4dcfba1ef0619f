package supervisorctl

import "strings"

// splitName takes a name as users write it apart. whole says that a group is
// meant: "group:*" or "group:". A name without a colon is both.
func splitName(name string) (group, process string, whole bool) {
	group, process, colon := strings.Cut(name, ":")
	switch {
	case !colon:
		return name, name, false
	case process == "" || process == "*":
		return group, "", true
	}
	return group, process, false
}

// fullName is how a process is printed.
func fullName(group, process string) string {
	if group == process {
		return process
	}
	return group + ":" + process
}
