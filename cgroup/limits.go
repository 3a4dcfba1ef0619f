package cgroup

import (
	"errors"
	"fmt"
	"math"
)

// Unlimited is the kernel's "max": no limit.
const Unlimited = math.MaxInt64

// Limits are the knobs of one cgroup, in bytes where memory is meant. The zero
// value of each field is "as the kernel has it by default", with one exception:
// MemorySwapMax 0 is a limit (no swap), and Unlimited lifts it. The kernel
// rounds memory down to whole pages.
type Limits struct {
	MemoryMin     int64   // memory.min: never reclaimed, as far as every ancestor grants it
	MemoryLow     int64   // memory.low: reclaimed last
	MemoryHigh    int64   // memory.high: slowed down above it; 0 or Unlimited: none
	MemoryMax     int64   // memory.max: OOM kill above it; 0 or Unlimited: none
	MemorySwapMax int64   // memory.swap.max
	CPUWeight     uint64  // cpu.weight, 1 to 10000; 0: the default, 100
	CPUMax        float64 // cpu.max in CPUs: 1.5 for 150%; 0: none
	IOWeight      uint64  // io.weight, or io.bfq.weight where only that exists, 1 to 10000; 0: the default, 100
	PidsMax       int64   // pids.max, threads count too; 0 or Unlimited: none
	OOMGroup      bool    // memory.oom.group: an OOM kill takes the whole cgroup; always set on a run
}

// normal resolves the two spellings of "no limit" to one.
func (l Limits) normal() Limits {
	for _, p := range []*int64{&l.MemoryHigh, &l.MemoryMax, &l.PidsMax} {
		if *p == 0 {
			*p = Unlimited
		}
	}
	return l
}

// Missing names the limits set in l that this tree cannot hold, in the
// config's spelling ("cpu_weight"), because their controller could not be had.
// Apply leaves them out.
func (t *Tree) Missing(l Limits) []string {
	l = l.normal()
	var out []string
	for _, w := range []struct {
		key, controller string
		set             bool
	}{
		{"memory_min", "memory", l.MemoryMin > 0},
		{"memory_low", "memory", l.MemoryLow > 0},
		{"memory_high", "memory", l.MemoryHigh != Unlimited},
		{"memory_max", "memory", l.MemoryMax != Unlimited},
		{"memory_swap_max", "memory", l.MemorySwapMax != Unlimited},
		{"cpu_weight", "cpu", l.CPUWeight > 0},
		{"cpu_max", "cpu", l.CPUMax > 0},
		{"io_weight", "io", l.IOWeight > 0},
		{"pids_max", "pids", l.PidsMax != Unlimited},
	} {
		if w.set && !t.has(w.controller) {
			out = append(out, w.key)
		}
	}
	return out
}

// Apply makes l the limits of the cgroup; what l does not set returns to the
// kernel's default. Limits whose controller this tree does not have are left
// out (see [Tree.Missing]). The order keeps the cgroup from being squeezed on
// the way: memory.high goes first when memory.max is lowered, last when it is
// raised.
//
// Lowering memory.max below what is in use makes the kernel kill: at once
// before Linux 6.16, with the next allocation from there on.
func (g *Group) Apply(l Limits) error {
	l = l.normal()
	l.OOMGroup = l.OOMGroup || g.isRun()
	l, err := g.tree.protect(g, l)
	if err != nil {
		return err
	}
	lowering := !g.fresh && l.MemoryMax < g.limit("memory.max")
	if lowering {
		if err := g.setHigh(l.MemoryHigh); err != nil {
			return err
		}
	}
	if err := g.applyResources(l); err != nil {
		return err
	}
	if lowering || g.fresh && l.MemoryHigh == Unlimited {
		return nil
	}
	return g.setHigh(l.MemoryHigh)
}

// SetHigh writes memory.high and nothing else; Unlimited lifts it. Below what
// is in use the call itself reclaims, which can take some milliseconds. Where
// there is no memory controller the error is errors.ErrUnsupported.
func (g *Group) SetHigh(bytes int64) error {
	if !g.tree.has("memory") {
		return fmt.Errorf("cannot write memory.high of %q: %w", g.path, errors.ErrUnsupported)
	}
	return g.write("memory.high", amount(bytes))
}

// High returns where memory.high stands; Unlimited where there is none.
func (g *Group) High() int64 {
	if !g.tree.has("memory") {
		return Unlimited
	}
	return g.limit("memory.high")
}

func (g *Group) setHigh(bytes int64) error {
	if !g.tree.has("memory") {
		return nil
	}
	return g.SetHigh(bytes)
}

// limit reads a limit back; Unlimited when it cannot be read.
func (g *Group) limit(file string) int64 {
	b, err := g.readFile(file)
	if err != nil {
		return Unlimited
	}
	if n, ok := parseAmount(b); ok {
		return n
	}
	return Unlimited
}

// write writes one interface file.
func (g *Group) write(file, value string) error {
	return g.withDir(func(dir int) error {
		if err := writeAt(dir, file, value); err != nil {
			return g.writeError(dir, file, value, err)
		}
		return nil
	})
}

func (g *Group) writeError(dir int, file, value string, err error) error {
	if vanished(err) && !exists(dir, "cgroup.procs") {
		err = ErrGone
	}
	return fmt.Errorf("cannot write %q to %q: %w", value, g.path+"/"+file, err)
}
