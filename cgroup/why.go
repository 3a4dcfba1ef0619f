package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const whyOff = `limits are not held: cgroups are switched off by the configuration (cgroup = "off")`

const (
	cureBoot      = "boot with systemd.unified_cgroup_hierarchy=1 (cgroup v2 only)"
	cureUser      = "start it with systemd-run --user --scope -p Delegate=yes, or as a user service with Delegate=yes"
	cureContainer = "give the container a writable cgroup: docker run --security-opt writable-cgroups=true, or podman run --security-opt unmask=/sys/fs/cgroup"
	cureService   = "run it as a systemd service with Delegate=yes, or as root outside a container"
	cureParent    = "enable it in the cgroup above: Delegate=yes in the systemd unit, or +memory in its cgroup.subtree_control"
	cureBusy      = "move the processes out of that cgroup, or start the supervisor in one of its own: as a systemd service with Delegate=yes"
	cureDisabled  = "boot without cgroup_disable=memory (on some boards: with cgroup_enable=memory)"
)

// whyNot is Why's sentence for the tree as it came out; failed is the first
// place's error when none could be used.
func whyNot(h host, t *Tree, failed error) string {
	switch {
	case h.mount == "":
		return "limits cannot be held: no cgroup v2 is mounted; " + cureBoot
	case failed != nil:
		return fmt.Sprintf("limits cannot be held: %v; %s", failed, cure(h, failed))
	case t.mode == Enforced:
		return whyPartly(t)
	case t.refused != nil:
		return fmt.Sprintf("memory limits cannot be held: %v; %s", t.refused, cureBusy)
	case h.memoryV1:
		return fmt.Sprintf("memory limits cannot be held: the memory controller belongs to cgroup v1 here, %q is without it; %s", h.mount, cureBoot)
	case h.realRoot && !h.memory[h.mount]:
		return fmt.Sprintf("memory limits cannot be held: the kernel has no memory controller in %q; %s", h.mount+"/cgroup.controllers", cureDisabled)
	}
	return fmt.Sprintf("memory limits cannot be held: no memory controller below %q; %s", t.top, cureParent)
}

// whyPartly names the controllers that a tree with memory limits is without.
func whyPartly(t *Tree) string {
	var lost []string
	for _, c := range wanted {
		if !slices.Contains(t.controllers, c) {
			lost = append(lost, c)
		}
	}
	if len(lost) == 0 {
		return ""
	}
	reason := fmt.Sprintf("not among the controllers of %q", t.top)
	if t.refused != nil {
		reason = t.refused.Error()
	}
	return fmt.Sprintf("limits of %s cannot be held: %s; Delegate=yes in the unit of a system service gives them",
		strings.Join(lost, ", "), reason)
}

// cure says what helps against the error that kept us from building.
func cure(h host, err error) string {
	switch {
	case h.memoryV1: // even where we may write there would be no memory controller
		return cureBoot
	case errors.Is(err, unix.EROFS):
		return cureContainer
	case h.uid != 0:
		return cureUser
	case !h.realRoot:
		return cureContainer
	}
	return cureService
}

// writePath writes an interface file by path; for the tree's own directories,
// which nobody replaces.
func (t *Tree) writePath(path, value string) error {
	if err := t.k.write(path, value); err != nil {
		return fmt.Errorf("cannot write %q to %q: %w", value, path, err)
	}
	return nil
}

// words reads a file of words; none when it cannot be read.
func words(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(bytes.TrimSpace(b)))
}

// bare takes the path off an error of package os: ours name it already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
