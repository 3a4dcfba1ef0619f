package supervisor

import (
	"bytes"
	"os"
	"strconv"

	"bulkhead/conf"
	"bulkhead/programs"
)

// readRoom reads what is free for a replacement that starts beside its
// predecessor. What it may need: its recycle line, else its limit, else what
// its predecessor has taken.
func readRoom(h *host, p *conf.Program, beside ref) programs.Room {
	room := programs.Room{ProgramFree: -1, HostFree: memAvailable() - h.reserve.Load()}
	switch {
	case p.Recycle.MaxMemory > 0:
		room.Need = int64(p.Recycle.MaxMemory)
	case p.Limits.MemoryMax != conf.Unlimited:
		room.Need = int64(p.Limits.MemoryMax)
	default:
		if run := h.get(beside); run != nil {
			room.Need = run.reading().peak
		}
	}
	if g, err := h.group(p.Name); err == nil && g != nil && p.Total.MemoryMax != conf.Unlimited {
		if r, err := g.Read(); err == nil {
			room.ProgramFree = int64(p.Total.MemoryMax) - r.Measure
		}
	}
	return room
}

// memAvailable is what the kernel thinks can be had without swapping, in bytes
// (/proc/meminfo); 0 when it does not say.
func memAvailable() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return parseAvailable(b)
}

func parseAvailable(meminfo []byte) int64 {
	for line := range bytes.Lines(meminfo) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
