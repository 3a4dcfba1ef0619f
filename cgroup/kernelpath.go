package cgroup

import (
	"os"
	"strings"
)

// Holder says which run lives in a cgroup, or in one below it, by the path that
// the kernel's log has for it: from the root of the hierarchy, whatever of it is
// mounted here. A run need not be there any more. false: it is none of this tree.
func (t *Tree) Holder(kernelPath string) (Entry, bool) {
	if t.mode == None {
		return Entry{}, false
	}
	base := strings.TrimPrefix(t.top, t.mount) + "/" + programsDir + "/"
	rest, ok := strings.CutPrefix(kernelPath, base)
	if !ok && t.inNamespace() {
		_, rest, ok = strings.Cut(kernelPath, base) // what comes before is above our root
	}
	program, run, _ := strings.Cut(rest, "/")
	run, _, _ = strings.Cut(run, "/")
	if !ok || program == "" {
		return Entry{}, false
	}
	e := Entry{Program: unescapeOr(program), Path: t.top + "/" + programsDir + "/" + program}
	if instance, n, isRun := parseRunDir(run); isRun {
		e.Instance, e.Run = instance, n
		e.Path += "/" + run
	}
	return e, true
}

// initNamespace is the kernel's number of the first cgroup namespace
// (PROC_CGROUP_INIT_INO, include/linux/proc_ns.h).
const initNamespace = "cgroup:[4026531835]"

// inNamespace reports that our root of the hierarchy is not the kernel's.
func (t *Tree) inNamespace() bool {
	name, err := os.Readlink("/proc/self/ns/cgroup")
	return err == nil && name != initNamespace
}
