package doctor

import (
	"fmt"
	"time"
)

// Kills are processes that the kernel has killed for want of memory, before a reading.
type Kills struct {
	At    time.Time `json:"at"`
	Count int64     `json:"count"`
}

func kills(readings []moment) (out []Kills) {
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1], readings[i]
		n := b.OOMKills
		if a.Boot == b.Boot {
			n -= a.OOMKills
		}
		if n > 0 {
			out = append(out, Kills{b.at, n})
		}
	}
	return out
}

// pastKills tells of what was killed for want of memory: by the kernel, whosever it was, and
// of bulkhead's by bulkhead too, where it holds the limits itself.
func pastKills(p *Past) []Finding {
	var kernel, own int64
	for _, k := range p.Kills {
		kernel += k.Count
	}
	for _, g := range p.Programs {
		own += g.OOMKills
	}
	if kernel == 0 && own == 0 {
		return nil
	}
	f := Finding{Rule: "oom-kills", Severity: Warning, Title: fmt.Sprintf("the kernel killed for want of memory: %s", processes(int(kernel)))}
	if kernel == 0 {
		f.Title = fmt.Sprintf("bulkhead killed for want of memory: %s", instances(int(own)))
	}
	for i, k := range p.Kills {
		if i == timesShown {
			f.fact("and %d more times, the last before %s", len(p.Kills)-i, p.clock(p.Kills[len(p.Kills)-1].At))
			break
		}
		f.fact("%s in the minute before %s", processes(int(k.Count)), p.clock(k.At))
	}
	for _, g := range p.Programs {
		if g.OOMKills > 0 {
			f.fact("%s was hit %s%s", printable(g.Name), often(int(g.OOMKills)), limitText(g.Now.MemoryMax))
		}
	}
	if own == 0 {
		f.fact("no program of bulkhead's was hit")
	}
	f.advise("bulkhead ctl oom tells of each: whose limit it was, and who had the memory")
	for _, g := range p.Programs {
		if g.OOMKills > 0 && g.Now.MemoryMax > 0 && g.Now.MaxMemory == 0 {
			f.advise("%s: it is then recycled between two jobs before it is killed in one", p.setting(g.Name, "recycle.max_memory", sizeText(g.Now.MemoryMax/4*3)))
		}
	}
	return []Finding{f}
}

func limitText(memoryMax int64) string {
	if memoryMax == 0 {
		return ""
	}
	return ", memory_max is " + sizeText(memoryMax)
}
