package cgroup

import "bytes"

// stat are the lines of memory.stat that the measure is made of.
type stat struct {
	anon, file, shmem, swapcached                           int64
	kernel                                                  int64 // since Linux 5.18
	slabReclaimable, slabUnreclaimable                      int64
	kernelStack, pagetables, secPagetables, percpu, vmalloc int64
	hasKernel                                               bool
}

// parseStat reads memory.stat. Keys come in no fixed order and differ between
// kernels and configurations; what is unknown or malformed is passed over. It
// does not allocate.
func parseStat(b []byte) stat {
	var s stat
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			continue
		}
		if p := s.field(line[:i]); p != nil {
			if n, _, ok := leadingInt(line[i+1:]); ok {
				*p = n
				s.hasKernel = s.hasKernel || p == &s.kernel
			}
		}
	}
	return s
}

func (s *stat) field(key []byte) *int64 {
	switch string(key) {
	case "anon":
		return &s.anon
	case "file":
		return &s.file
	case "shmem":
		return &s.shmem
	case "swapcached":
		return &s.swapcached
	case "kernel":
		return &s.kernel
	case "slab_reclaimable":
		return &s.slabReclaimable
	case "slab_unreclaimable":
		return &s.slabUnreclaimable
	case "kernel_stack":
		return &s.kernelStack
	case "pagetables":
		return &s.pagetables
	case "sec_pagetables":
		return &s.secPagetables
	case "percpu":
		return &s.percpu
	case "vmalloc":
		return &s.vmalloc
	}
	return nil
}

// reading puts the parts together so that no page counts twice. A page that is
// both in memory and still has its swap slot ("swapcached") is in anon, in file
// and in memory.swap.current: it is counted as memory, and taken off swap.
func (s stat) reading(current, swap int64) Reading {
	kernel := s.kernel
	if !s.hasKernel {
		kernel = s.slabReclaimable + s.slabUnreclaimable + s.kernelStack + s.pagetables +
			s.secPagetables + s.percpu + s.vmalloc
	}
	// Clamped: each figure is flushed at its own time.
	cached := min(s.swapcached, swap)
	cache := max(s.file-s.shmem-s.swapcached, 0)
	swapOnly := swap - cached
	return Reading{
		Measure:            s.anon + s.shmem + max(kernel-s.slabReclaimable, 0) + swapOnly,
		MeasureFromCurrent: max(current-cache-s.slabReclaimable, 0) + swapOnly,
		Current:            current,
		Cache:              cache,
		Anon:               s.anon,
		Shmem:              s.shmem,
		Kernel:             kernel,
		SlabReclaimable:    s.slabReclaimable,
		Swap:               swapOnly,
	}
}
