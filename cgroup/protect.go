package cgroup

import (
	"path/filepath"
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
