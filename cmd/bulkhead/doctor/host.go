package doctor

import (
	"math"
	"time"
)

// Unlimited is a limit that is none.
const Unlimited int64 = math.MaxInt64

// unknown is an amount that could not be read.
const unknown = -1

// Host is what was read of a host at one moment. Sizes are bytes.
type Host struct {
	At         time.Time
	Memory     Memory
	Pressure   *Pressure // nil: the kernel keeps no such figures
	Overcommit int       // vm.overcommit_memory; -1: unknown
	Kernel     [2]int    // 6, 12; zeros: unknown
	Processes  []Process // by pid; kernel threads are not among them
	Unmeasured int       // processes whose Pss may not be read
	Hidden     bool      // others' processes are not shown to us (hidepid)
}

// Memory is the host's.
type Memory struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"` // what the kernel thinks can be had without swapping
	SwapTotal int64 `json:"swap_total"`
	SwapFree  int64 `json:"swap_free"`
}

// Share is the part of the memory that is available, 0 to 1.
func (m Memory) Share() float64 {
	if m.Total <= 0 {
		return 0
	}
	return float64(m.Available) / float64(m.Total)
}

// Room is what can be had before something must be killed.
func (m Memory) Room() int64 { return m.Available + m.SwapFree }

// Pressure is how much of the last 10, 60 and 300 seconds some, or all, tasks
// waited for memory; in percent (Documentation/accounting/psi.rst).
type Pressure struct {
	Some [3]float64 `json:"some"`
	Full [3]float64 `json:"full"`
}

// Process is one process. What a light reading leaves out is marked.
type Process struct {
	PID     int
	Parent  int
	Start   uint64 // clock ticks after boot: tells two of the same pid apart
	Program string // what it is grouped by, see programOf
	Argv    []string
	Ticks   uint64 // of CPU time so far

	RSS        int64 // a shared page counts in every process
	Anon       int64 // of RSS: what only the process can give back
	Swap       int64
	PageTables int64

	// Not in a light reading.
	Pss         int64 // a shared page counts for its share; unknown where it may not be read
	OOMScore    int   // the kernel's own; unknown where it has none
	OOMScoreAdj int
	Cgroup      Cgroup
	Redis       *Redis // of a Redis server
}

// Own is the memory a leak would grow: in memory or swapped out, and no file's.
func (p Process) Own() int64 { return p.Anon + p.Swap }

// Cgroup is where a process is, as far as memory is concerned.
type Cgroup struct {
	Path string
	Unit string // the systemd service it belongs to; "" when to none
	Max  int64  // the lowest memory.max from here up; Unlimited; unknown where no tree is to be seen
}
