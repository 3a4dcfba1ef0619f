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
	Unlimited   []string // programs without memory_max: they may take everything
}

// Row is one program of the budget. Unlimited stands for "no limit".
type Row struct {
	Program  string
	Numprocs int
	Each     Bytes // memory_max of an instance
	Total    Bytes // memory_max of the program
	Promised Bytes // numprocs × Each, at most Total
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

// Free is what is left to promise; negative when too much is promised.
func (t Table) Free() Bytes { return t.MemoryTotal - t.Reserve - t.Promised }

// Exceeded says that more is promised than there is. An unknown total is
// never exceeded, nor is any by nothing.
func (t Table) Exceeded() bool { return t.MemoryTotal > 0 && t.Promised > 0 && t.Free() < 0 }

// Explain says by how much and through which programs.
func (t Table) Explain() string {
	var parts []string
	for _, row := range t.Rows {
		switch {
		case row.Promised == Unlimited || row.Promised == 0:
		case row.Numprocs > 1 && row.Promised == times(row.Each, row.Numprocs):
			parts = append(parts, fmt.Sprintf("%s %d × %v = %v", row.Program, row.Numprocs, row.Each, row.Promised))
		default:
			parts = append(parts, fmt.Sprintf("%s %v", row.Program, row.Promised))
		}
	}
	return fmt.Sprintf("cannot promise %v to programs (%s): of %v of memory less %v reserve there are %v",
		t.Promised, strings.Join(parts, ", "), t.MemoryTotal, t.Reserve, max(0, t.MemoryTotal-t.Reserve))
}
