package doctor

import (
	"fmt"

	"bulkhead/supervisor/control"
)

// fullSwap is the free share of the swap below which it is called full.
const fullSwap = 0.10

func (m Memory) swapFull() bool {
	return m.SwapTotal > 0 && float64(m.SwapFree) < fullSwap*float64(m.SwapTotal)
}

// swapless says that there is no swap, or no more of it, where that matters.
func swapless(r *Report) []Finding {
	m := r.Host.Memory
	switch {
	case m.SwapTotal == 0 && m.Share() < scarce:
		f := Finding{Rule: "swap-none", Severity: Warning, Title: "there is no swap, and memory is scarce"}
		f.fact("%s of %s are available; when they are used up the kernel kills at once", control.Size(m.Available), control.Size(m.Total))
		size := min(max(m.Total/8, 1<<30), 8<<30) >> 30
		f.advise("fallocate -l %dG /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile, and a line in /etc/fstab", size)
		f.advise(`limits.memory_swap_max = "0" for workers, so that a leak does not go there`)
		return []Finding{f}
	case m.swapFull():
		f := Finding{Rule: "swap-full", Severity: Note, Title: fmt.Sprintf("swap is full: %s of %s are free", control.Size(m.SwapFree), control.Size(m.SwapTotal))}
		if m.Share() < scarce {
			f.Severity = Warning
		}
		f.fact("%s of %s memory are available", control.Size(m.Available), control.Size(m.Total))
		r.largest(&f, "%s (%s) has %s in swap", func(p Program) int64 { return p.Swap })
		if used := m.SwapTotal - m.SwapFree; m.Available > 2*used {
			f.advise("swapoff -a && swapon -a brings it back into memory, where there is room for it")
		} else {
			f.advise(`limits.memory_swap_max = "0" for workers; fewer idle processes`)
		}
		return []Finding{f}
	}
	return nil
}
