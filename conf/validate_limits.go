package conf

import "fmt"

// minMemory is the smallest limit a program can be started under. At
// memory.max = 1 MiB and below, exec itself or the runtime's first pages are
// OOM-killed, and at memory.high = 0 the start hangs (measured on Linux 6.12 and 7.2);
// 2 MiB carries a static binary. The rest is room for a dynamic linker.
const minMemory Bytes = 4 << 20

// limits checks the keys of both cgroups, then one against the other.
func (v *checker) limits() {
	v.cgroup("limits", v.p.Limits)
	v.cgroup("total", v.p.Total)
	v.belowTotal()
	if v.p.Process.OOMScoreAdj == -1000 {
		for _, t := range []struct {
			table string
			l     Limits
		}{{"limits", v.p.Limits}, {"total", v.p.Total}} {
			if t.l.MemoryMax != Unlimited || t.l.MemoryHigh != Unlimited {
				v.problem(faultf("write -999 or more, or remove memory_max and memory_high",
					"cannot use -1000 together with a memory limit in [%s]: the kernel would look for a process to kill for ever", t.table),
					"limits", "oom_score_adj")
				return
			}
		}
	}
}

// cgroup checks one table in itself and against the host.
func (v *checker) cgroup(table string, l Limits) {
	host := v.res.env.Memory()
	for _, m := range []struct {
		key   string
		value Bytes
		floor bool
	}{
		{"memory_max", l.MemoryMax, true},
		{"memory_high", l.MemoryHigh, true},
		{"memory_min", v.set(table, "memory_min", l.MemoryMin), false},
		{"memory_low", v.set(table, "memory_low", l.MemoryLow), false},
	} {
		switch {
		case m.value == Unlimited && m.floor:
		case m.floor && m.value < minMemory:
			v.problem(faultf("write 4M or more", "cannot use %v: too small for a program to start in", m.value), table, m.key)
		case host > 0 && m.value > host:
			v.problem(faultf("write less, or a percentage such as 50%", "cannot use %v: this host has %v of memory", m.value, host), table, m.key)
		}
	}
	if l.MemoryMax != Unlimited {
		for _, m := range []struct {
			key   string
			value Bytes
			why   string
		}{
			{"memory_high", l.MemoryHigh, "it would never be reached"},
			{"memory_min", v.set(table, "memory_min", l.MemoryMin), "more would be kept than may be used"},
			{"memory_low", v.set(table, "memory_low", l.MemoryLow), "more would be kept than may be used"},
		} {
			if m.value != Unlimited && m.value > l.MemoryMax {
				v.problem(faultf("write less than "+l.MemoryMax.String(), "cannot use %v: %s.memory_max is %v, so %s", m.value, table, l.MemoryMax, m.why), table, m.key)
			}
		}
	}
	if n := v.res.env.CPUs; n > 0 && l.CPUMax > float64(n) {
		v.warn(faultf("", "this host has %d CPUs, so %v CPUs limit nothing", n, l.CPUMax), table, "cpu_max")
	}
}

// set is value, or 0 where the key is not written but derived.
func (v *checker) set(table, key string, value Bytes) Bytes {
	if table != "total" {
		return value
	}
	total := v.src.raw.Total
	if key == "memory_min" && total.MemoryMin == nil || key == "memory_low" && total.MemoryLow == nil {
		return 0
	}
	return value
}

// belowTotal checks that an instance may not have more than all together.
func (v *checker) belowTotal() {
	in, total := v.p.Limits, v.p.Total
	above := func(key string, value, limit any) {
		v.problem(faultf("lower it, or raise the total's", "cannot use %v: all instances together may have %v", value, limit), "limits", key)
	}
	if in.MemoryMax != Unlimited && in.MemoryMax > total.MemoryMax {
		above("memory_max", in.MemoryMax, total.MemoryMax)
	}
	switch {
	case in.MemoryHigh == Unlimited:
	case in.MemoryHigh > total.MemoryHigh:
		above("memory_high", in.MemoryHigh, total.MemoryHigh)
	case in.MemoryHigh > total.MemoryMax:
		above("memory_high", in.MemoryHigh, total.MemoryMax)
	}
	if in.MemorySwapMax != Unlimited && in.MemorySwapMax > total.MemorySwapMax {
		above("memory_swap_max", in.MemorySwapMax, total.MemorySwapMax)
	}
	if total.CPUMax > 0 && in.CPUMax > total.CPUMax {
		above("cpu_max", in.CPUMax, total.CPUMax)
	}
	if total.PidsMax > 0 && in.PidsMax > total.PidsMax {
		above("pids_max", in.PidsMax, total.PidsMax)
	}
	for _, m := range []struct {
		key       string
		in, total Bytes
	}{{"memory_min", in.MemoryMin, total.MemoryMin}, {"memory_low", in.MemoryLow, total.MemoryLow}} {
		if all := times(m.in, len(v.p.Instances)); m.in > 0 && all > m.total {
			v.warn(faultf("", "all instances together would keep %v, and total allows %v: each is protected in part only", all, m.total), "limits", m.key)
		}
	}
}

// recycle checks the [recycle] table against the limits it must act under.
func (v *checker) recycle() {
	r, n := v.p.Recycle, len(v.p.Instances)
	if r.MaxJobs < 0 {
		v.problem(negative(r.MaxJobs), "recycle", "max_jobs")
	}
	switch {
	case r.Parallel < 1:
		v.problem(faultf("write 1 or more", "cannot recycle %d instances at once", r.Parallel), "recycle", "parallel")
	case n > 0 && r.Parallel > n:
		v.warn(faultf(fmt.Sprintf("write %d or less", n), "all instances may be recycling at once, since numprocs is %d", n), "recycle", "parallel")
	}
	if v.src.raw.Profile != nil && v.p.Profile != v.src.res.profile { // the host's is looked at by itself
		v.src.res.oneOf(v.src.at.at("profile"), v.p.Profile, profiles)
	}
	if r.MaxMemory == 0 {
		return
	}
	host := v.res.env.Memory()
	hint := "write less, and leave room for the job in hand"
	switch m := r.MaxMemory; {
	case m > v.p.Limits.MemoryMax:
		v.problem(faultf(hint, "cannot recycle at %v: the kernel kills the instance at %v (limits.memory_max)", m, v.p.Limits.MemoryMax), "recycle", "max_memory")
	case m > v.p.Total.MemoryMax:
		v.problem(faultf(hint, "cannot recycle at %v: the kernel kills an instance at %v for all together (total.memory_max)", m, v.p.Total.MemoryMax), "recycle", "max_memory")
	case host > 0 && m > host:
		v.problem(faultf(hint, "cannot recycle at %v: this host has %v of memory", m, host), "recycle", "max_memory")
	case m == v.p.Limits.MemoryMax:
		v.warn(faultf(hint, "memory_max is the same: the kernel kills the instance at the moment it is to be recycled"), "recycle", "max_memory")
	case m > v.p.Limits.MemoryHigh:
		v.warn(faultf("write less than "+v.p.Limits.MemoryHigh.String(), "the kernel slows the instance down at %v (limits.memory_high) before it reaches %v", v.p.Limits.MemoryHigh, m), "recycle", "max_memory")
	}
}
