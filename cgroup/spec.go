package cgroup

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// What goes through runtime-spec and containerd/cgroups, and what does not:
//
//   - memory.max, memory.low (Reservation), memory.swap.max (Swap, the sum of
//     memory and swap), cpu.max (Quota, Period), pids.max: as LinuxResources.
//   - cpu.weight, memory.min, io.bfq.weight: fields of cgroup2.Resources only.
//     (LinuxResources has v1's shares and a v1 io weight, and the conversions
//     are lossy; it has no memory.min.)
//   - memory.high, memory.oom.group, io.weight: written here. memory.high is a
//     tripwire that is lifted in a hurry and needs its own place in the order;
//     io.weight the library does not know.
//   - Every reset to the default: the library cannot spell "max" for a
//     memory knob other than as MaxInt64 and "0" only as a number, and drops
//     cpu.max without a period.
//
// Of the library's Manager only Load and Update are used: the directory and
// its controllers are made by this package, since NewManager enables
// controllers all or nothing, accepts a directory that already exists and
// removes it on failure. Update writes with os.WriteFile: where a file is
// missing it reports EACCES, so a value goes in only when its file is there.

const cpuPeriod = 100_000 // microseconds, the kernel's default

// resources says in the library's words those of the limits it can express.
// have tells which interface files the cgroup has.
func resources(l Limits, have func(file string) bool) *cgroup2.Resources {
	var spec specs.LinuxResources
	if have("memory.max") {
		spec.Memory = &specs.LinuxMemory{Limit: limited(l.MemoryMax)}
		if l.MemoryLow > 0 {
			spec.Memory.Reservation = &l.MemoryLow
		}
		if l.MemorySwapMax != Unlimited && have("memory.swap.max") {
			swap := l.MemorySwapMax
			if spec.Memory.Limit != nil {
				swap += l.MemoryMax // ToResources takes it off again
			}
			spec.Memory.Swap = &swap
		}
	}
	if l.CPUMax > 0 && have("cpu.max") {
		quota, period := cpuQuota(l.CPUMax), uint64(cpuPeriod)
		spec.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
	}
	if l.PidsMax != Unlimited && have("pids.max") {
		spec.Pids = &specs.LinuxPids{Limit: &l.PidsMax}
	}
	res := cgroup2.ToResources(&spec)
	if l.MemoryMin > 0 && res.Memory != nil {
		res.Memory.Min = &l.MemoryMin
	}
	if l.CPUWeight > 0 && have("cpu.weight") {
		if res.CPU == nil {
			res.CPU = &cgroup2.CPU{}
		}
		res.CPU.Weight = &l.CPUWeight
	}
	if l.IOWeight > 0 && !have("io.weight") && have("io.bfq.weight") {
		res.IO = &cgroup2.IO{BFQ: cgroup2.BFQ{Weight: bfqWeight(l.IOWeight)}}
	}
	return res
}

// rest are the values that resources cannot express; in a fresh cgroup those
// that say what the kernel's default is already are left out.
func rest(l Limits, fresh bool, have func(file string) bool) []setting {
	var out []setting
	add := func(set bool, file, value, reset string) {
		if !set {
			value = reset
		}
		if (set || !fresh) && have(file) {
			out = append(out, setting{file, value})
		}
	}
	// An empty value: resources has written it.
	add(l.MemoryMin > 0, "memory.min", "", "0")
	add(l.MemoryLow > 0, "memory.low", "", "0")
	add(l.MemoryMax != Unlimited, "memory.max", "", "max")
	add(l.MemorySwapMax != Unlimited, "memory.swap.max", "", "max")
	add(l.CPUWeight > 0, "cpu.weight", "", "100")
	add(l.CPUMax > 0, "cpu.max", "", "max "+strconv.Itoa(cpuPeriod))
	add(l.PidsMax != Unlimited, "pids.max", "", "max")
	add(l.IOWeight > 0, "io.weight", strconv.FormatUint(l.IOWeight, 10), "100")
	add(l.OOMGroup, "memory.oom.group", "1", "0")
	return out
}

type setting struct{ file, value string }

func (g *Group) applyResources(l Limits) error {
	root, group := filepath.Split(g.path)
	m, err := cgroup2.Load("/"+group, cgroup2.WithMountpoint(filepath.Clean(root)))
	if err != nil {
		return fmt.Errorf("cannot load cgroup %q: %v", g.path, err)
	}
	return g.withDir(func(dir int) error {
		have := func(file string) bool {
			controller, _, _ := strings.Cut(file, ".")
			return g.tree.has(controller) && exists(dir, file)
		}
		if !exists(dir, "cgroup.procs") {
			return fmt.Errorf("cannot write limits of %q: %w", g.path, ErrGone)
		}
		if err := m.Update(resources(l, have)); err != nil {
			return fmt.Errorf("cannot write limits of %q: %v", g.path, err)
		}
		for _, s := range rest(l, g.fresh, have) {
			if s.value == "" {
				continue
			}
			if err := writeAt(dir, s.file, s.value); err != nil {
				return g.writeError(dir, s.file, s.value, err)
			}
		}
		return nil
	})
}

// limited is the runtime-spec's optional limit: nil for none.
func limited(n int64) *int64 {
	if n == Unlimited {
		return nil
	}
	return &n
}

// cpuQuota is the time in microseconds per cpuPeriod. The kernel refuses less
// than 1 ms.
func cpuQuota(cpus float64) int64 {
	return max(int64(cpus*cpuPeriod+0.5), 1000)
}

// bfqWeight fits io.weight's range of 1 to 10000 to io.bfq.weight's 1 to 1000:
// up to the default of 100 as it is, above it in proportion.
func bfqWeight(w uint64) uint16 {
	if w <= 100 {
		return uint16(w)
	}
	return uint16(100 + (min(w, 10000)-100)*900/9900)
}
