package supervisor

import (
	"bytes"
	"strconv"

	"bulkhead/cgroup"
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

// meminfo is the host's memory, in bytes (/proc/meminfo); 0 for what the kernel does not say.
type meminfo struct{ total, available, swapTotal, swapFree int64 }

var meminfoFile = cgroup.KeptFile{Name: "/proc/meminfo"}

func readMeminfo() meminfo {
	b, err := meminfoFile.Read()
	if err != nil {
		return meminfo{}
	}
	return parseMeminfo(b)
}

// memAvailable is what the kernel thinks can be had without swapping.
func memAvailable() int64 { return readMeminfo().available }

func parseMeminfo(text []byte) (m meminfo) {
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var to *int64
		switch string(name) {
		case "MemTotal":
			to = &m.total
		case "MemAvailable":
			to = &m.available
		case "SwapTotal":
			to = &m.swapTotal
		case "SwapFree":
			to = &m.swapFree
		default:
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
		if err == nil && kib >= 0 && kib < 1<<40 {
			*to = kib << 10
		}
	}
	return m
}
