package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Table is the memory budget: what is promised to programs against what there
// is to promise.
type Table struct {
	Rows        []Row // as Config.Programs
	MemoryTotal Bytes // 0: unknown
	Reserve     Bytes
	Promised    Bytes    // the sum of the rows that have a limit
	Needed      Bytes    // the sum of what the others are known to need
	Unlimited   []string // programs without memory_max: they may take everything
}

// Row is one program of the budget. Unlimited stands for "no limit".
type Row struct {
	Program  string
	Numprocs int
	Each     Bytes // memory_max of an instance
	Total    Bytes // memory_max of the program
	Promised Bytes // numprocs × Each, at most Total
	Used     Bytes // what an instance has used at most; 0: not known
}

// Need is what a program without a limit is known to need: all its instances as much as
// one has used at most; 0 for the others.
func (r Row) Need() Bytes {
	if r.Promised != Unlimited {
		return 0
	}
	return min(times(r.Used, r.Numprocs), r.Total)
}

// Steps of proposed limits, and the least that is proposed.
const (
	sensibleStep  = 16 << 20
	sensibleLeast = 2 * sensibleStep
)

// Sensible is a memory_max for an instance, going by what one has used at most: half as much
// again; 0 where that is not known.
func (r Row) Sensible() Bytes {
	if r.Used == 0 {
		return 0
	}
	steps := (r.Used/2*3 + sensibleStep - 1) / sensibleStep
	return max(steps*sensibleStep, sensibleLeast)
}

// Budget adds up what the programs of c may use at most. The second instance
// that an overlapping recycle starts for a moment is not promised: it is
// started only when there is room.
func Budget(c *Config) Table {
	t := Table{MemoryTotal: c.Host.MemoryTotal, Reserve: c.Host.MemoryReserve}
	for _, p := range c.Programs {
		row := Row{Program: p.Name, Numprocs: len(p.Instances), Each: p.Limits.MemoryMax, Total: p.Total.MemoryMax}
		row.Promised = min(times(row.Each, row.Numprocs), row.Total)
		if row.Promised == Unlimited {
			t.Unlimited = append(t.Unlimited, p.Name)
		} else if t.Promised = t.Promised + row.Promised; t.Promised < 0 {
			t.Promised = Unlimited
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Needing is t with what instances of programs have used at most, by program.
func (t Table) Needing(used map[string]Bytes) Table {
	t.Rows = slices.Clone(t.Rows)
	t.Needed = 0
	for i := range t.Rows {
		r := &t.Rows[i]
		r.Used = used[r.Program]
		if t.Needed += r.Need(); t.Needed < 0 {
			t.Needed = Unlimited
		}
	}
	return t
}

// HostBudget is the budget of a host on which nothing is promised yet, with the
// default reserve.
func HostBudget(env Env) Table {
	t := Table{MemoryTotal: env.Memory()}
	if t.MemoryTotal > 0 {
		t.Reserve = Bytes(float64(t.MemoryTotal) * hostDefaults().MemoryReserve.percent / 100)
	}
	return t
}

// With is t with one more that is promised memory; Unlimited for what has no limit.
func (t Table) With(name string, promised Bytes) Table {
	t.Rows = append(slices.Clip(t.Rows), Row{Program: name, Numprocs: 1, Each: promised, Total: Unlimited, Promised: promised})
	if promised == Unlimited {
		t.Unlimited = append(slices.Clip(t.Unlimited), name)
	} else if t.Promised += promised; t.Promised < 0 {
		t.Promised = Unlimited
	}
	return t
}

// Counted is all that is promised or needed.
func (t Table) Counted() Bytes {
	if n := t.Promised + t.Needed; n >= 0 {
		return n
	}
	return Unlimited
}

// Free is what is left to promise; negative when too much is promised.
func (t Table) Free() Bytes { return t.MemoryTotal - t.Reserve - t.Counted() }

// Exceeded says that more is promised, or needed, than there is. An unknown total is
// never exceeded, nor is any by nothing.
func (t Table) Exceeded() bool { return t.MemoryTotal > 0 && t.Counted() > 0 && t.Free() < 0 }

// Explain says by how much and through which programs.
func (t Table) Explain() string {
	var parts []string
	for _, row := range t.Rows {
		switch {
		case row.Need() > 0:
			parts = append(parts, fmt.Sprintf("%s %d × %v used at most", row.Program, row.Numprocs, row.Used))
		case row.Promised == Unlimited || row.Promised == 0:
		case row.Numprocs > 1 && row.Promised == times(row.Each, row.Numprocs):
			parts = append(parts, fmt.Sprintf("%s %d × %v = %v", row.Program, row.Numprocs, row.Each, row.Promised))
		default:
			parts = append(parts, fmt.Sprintf("%s %v", row.Program, row.Promised))
		}
	}
	return fmt.Sprintf("cannot promise %v to programs (%s): of %v of memory less %v reserve there are %v",
		t.Counted(), strings.Join(parts, ", "), t.MemoryTotal, t.Reserve, max(0, t.MemoryTotal-t.Reserve))
}
