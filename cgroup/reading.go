package cgroup

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Reading is what the kernel says of a cgroup's memory at one moment, in bytes,
// over the whole subtree.
type Reading struct {
	// Measure is what only the processes themselves can give back: anonymous
	// memory, shared memory and the kernel's own minus its reclaimable caches,
	// plus swap. Page cache and socket buffers are not in it. It comes from
	// memory.stat, which may lag: for at most 2 s, by at most 64 pages per CPU
	// (when more has gathered, reading it brings it up to date).
	Measure int64
	// MeasureFromCurrent is the same quantity started from memory.current,
	// which does not lag: current - page cache - reclaimable slab + swap. What
	// the processes have just allocated is in it at once. It errs upward: by
	// cache that memory.stat does not show yet, by socket buffers, and by the
	// pages each CPU holds in stock (64 at most). Decide by it within a second
	// of an event.
	MeasureFromCurrent int64

	Current         int64 // memory.current
	Cache           int64 // page cache, which the kernel takes back by itself
	Anon            int64
	Shmem           int64 // tmpfs and shared memory
	Kernel          int64 // page tables, stacks, slab and the rest
	SlabReclaimable int64
	Swap            int64 // memory.swap.current, without what is also in memory
	Peak            int64 // memory.peak; before Linux 5.19 the highest Current read
	At              time.Time
}

// Charged reads memory.current and memory.swap.current alone, in bytes: their
// sum is never below the measure, so that a cgroup far below its line can be told
// at a tenth of the cost of Read. Zeros where there is no memory controller. Of who is
// known to have nothing in swap ([Tree.Swapped]) that is not read, and 0.
func (g *Group) Charged(swapped bool) (current, swap int64, err error) {
	if !g.tree.has("memory") {
		return 0, 0, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if swapped {
		if swap, err = g.readAmount(fileSwap, "memory.swap.current"); err != nil {
			return 0, 0, err
		}
	}
	current, err = g.readAmount(fileCurrent, "memory.current")
	return current, swap, err
}

// Swapped reads how much of all programs together is in swap, bytes: memory.swap.current
// of the directory that they are in. 0 where swap is not counted.
func (t *Tree) Swapped() (int64, error) {
	path := t.top + "/" + programsDir + "/memory.swap.current"
	n, ok := readNumber(path)
	if !ok && exists(unix.AT_FDCWD, path) {
		return 0, fmt.Errorf("cannot read a number from %q", path)
	}
	return n, nil
}

// Read takes a reading. In mode Tracking there is no memory controller:
// Measure is then the sum of Pss and SwapPss of every process, which costs the
// kernel a walk of the page tables (5 ms per GiB) of those that have changed, and Peak the
// highest Measure seen.
// A removed cgroup is ErrGone, never zeros.
func (g *Group) Read() (Reading, error) {
	if !g.tree.has("memory") {
		return g.readPss()
	}
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	g.mu.Lock()
	defer g.mu.Unlock()
	b, err := g.readKept(buf[:], fileStat, "memory.stat")
	if err != nil {
		return Reading{}, err
	}
	if b == nil {
		return Reading{}, fmt.Errorf("cannot read %q: no memory controller in the cgroup any more", g.path+"/memory.stat")
	}
	s := parseStat(b)
	// memory.current last: it must not be older than what is subtracted from it.
	swap, err := g.readAmount(fileSwap, "memory.swap.current")
	if err != nil {
		return Reading{}, err
	}
	peak, err := g.readAmount(filePeak, "memory.peak")
	if err != nil {
		return Reading{}, err
	}
	current, err := g.readAmount(fileCurrent, "memory.current")
	if err != nil {
		return Reading{}, err
	}
	g.peak = max(g.peak, current, peak)
	r := s.reading(current, swap)
	r.Peak, r.At = g.peak, time.Now()
	return r, nil
}

// readAmount reads a kept file of one number; 0 where there is no such file.
// The caller holds the lock.
func (g *Group) readAmount(f file, name string) (int64, error) {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	b, err := g.readKept(buf[:], f, name)
	if err != nil || b == nil {
		return 0, err
	}
	n, ok := parseAmount(b)
	if !ok {
		return 0, fmt.Errorf("cannot parse %q of %q", string(b), g.path+"/"+name)
	}
	return n, nil
}

func (g *Group) readPss() (Reading, error) {
	pids, err := g.Recent()
	if err != nil {
		return Reading{}, err
	}
	r, err := g.gauge.read("/proc", pids)
	if err != nil {
		return Reading{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peak = max(g.peak, r.Measure)
	r.Peak = g.peak
	return r, nil
}
