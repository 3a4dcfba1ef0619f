package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// protection is what a cgroup asks to be spared: memory.min and memory.low.
type protection struct{ min, low int64 }

// protect passes a cgroup's memory.min and memory.low on to the directories
// above it. The kernel protects a cgroup only as far as every ancestor is
// protected itself, so a limit on the leaf alone would mean nothing. Each
// ancestor of ours gets the sum of what is below it, never more: what an
// ancestor has beyond that, the kernel (mount option memory_recursiveprot)
// would spread over all its children. A program keeps its own figure where that is larger.
// The limits come back with what the cgroup itself must have.
func (t *Tree) protect(g *Group, l Limits) (Limits, error) {
	if !t.has("memory") {
		return l, nil
	}
	if err := t.setProtection(g.path, protection{l.MemoryMin, l.MemoryLow}); err != nil {
		return l, err
	}
	t.protectMu.Lock()
	defer t.protectMu.Unlock()
	n := t.needed(g.path)
	l.MemoryMin, l.MemoryLow = n.min, n.low
	return l, nil
}

// unprotect takes a removed cgroup's share back.
func (t *Tree) unprotect(path string) {
	if t.has("memory") {
		t.setProtection(path, protection{}) // the limits above only stay too high for a moment
	}
}

// protectSelf gives the supervisor's own leaf its memory.min. Not being
// allowed to is no failure: a container's or a user's limits belong to others.
func (t *Tree) protectSelf() {
	leaf := t.top + "/" + supervisorDir
	if t.writePath(leaf+"/memory.min", amount(supervisorMin)) == nil {
		t.setProtection(leaf, protection{min: supervisorMin})
	}
}

func (t *Tree) setProtection(path string, p protection) error {
	t.protectMu.Lock()
	defer t.protectMu.Unlock()
	if t.protection[path] == p {
		return nil
	}
	if t.protection[path] = p; p == (protection{}) {
		delete(t.protection, path)
	}
	for dir := filepath.Dir(path); strings.HasPrefix(dir, t.top); dir = filepath.Dir(dir) {
		sum := t.needed(dir)
		if err := t.writePath(dir+"/memory.min", amount(sum.min)); err != nil {
			return err
		}
		if err := t.writePath(dir+"/memory.low", amount(sum.low)); err != nil {
			return err
		}
	}
	return nil
}

// needed is what dir must be granted: the larger of its own wish and the sum
// of its children's needs.
func (t *Tree) needed(dir string) protection {
	var sum protection
	seen := map[string]bool{}
	for path := range t.protection {
		rel, below := strings.CutPrefix(path, dir+"/")
		if !below {
			continue
		}
		child, _, _ := strings.Cut(rel, "/")
		if seen[child] {
			continue
		}
		seen[child] = true
		n := t.needed(dir + "/" + child)
		sum.min += min(n.min, Unlimited-sum.min)
		sum.low += min(n.low, Unlimited-sum.low)
	}
	own := t.protection[dir]
	return protection{max(own.min, sum.min), max(own.low, sum.low)}
}

// Unprotected says where the programs' memory.min and memory.low are lost on
// the way up, and what helps; "" where they hold. The cgroups above the tree are
// systemd's, which sets both to what its units say at every daemon-reload (seen with
// systemd 252), so nothing is written there.
func (t *Tree) Unprotected() string {
	if !t.has("memory") {
		return ""
	}
	t.protectMu.Lock()
	need := t.needed(t.top)
	if t.beside { // its own unit is protected as well
		need.min += min(supervisorMin, Unlimited-need.min)
	}
	asked := len(t.protection) > 0 && !(len(t.protection) == 1 && t.protection[t.top+"/"+supervisorDir] != protection{})
	t.protectMu.Unlock()
	if !asked {
		return ""
	}
	for dir := filepath.Dir(t.top); len(dir) > len(t.mount); dir = filepath.Dir(dir) {
		for _, f := range []struct {
			file, property string
			need           int64
		}{{"memory.min", "MemoryMin", need.min}, {"memory.low", "MemoryLow", need.low}} {
			have := words(dir + "/" + f.file)
			if len(have) != 1 || !below(have[0], f.need) {
				continue
			}
			cure := "raise it there"
			if unit := filepath.Base(dir); slices.Contains([]string{".slice", ".service", ".scope"}, filepath.Ext(unit)) {
				cure = fmt.Sprintf("systemctl set-property %s %s=%s", unit, f.property, strings.Replace(amount(f.need), "max", "infinity", 1))
			}
			return fmt.Sprintf("%s holds only as far as every cgroup above grants it: %q has %s, %s are needed; %s",
				strings.Replace(f.file, ".", "_", 1), dir, have[0], amount(f.need), cure)
		}
	}
	return ""
}

// below compares what a limit's file says, whole pages or "max", with bytes.
func below(have string, need int64) bool {
	n, err := strconv.ParseInt(have, 10, 64)
	return err == nil && n < need-need%int64(os.Getpagesize())
}
