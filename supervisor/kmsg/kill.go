package kmsg

import "time"

// Kill is what the kernel said of one OOM kill: of one victim, or of a whole
// cgroup with memory.oom.group. Sizes are bytes. What it did not say is zero, or
// as the field says.
type Kill struct {
	Seq     uint64        // of its last record that counts
	At      time.Duration // of the kill, since the boot
	Victim  Process       // the one that was chosen
	Others  []Process     // killed along with it
	Whole   string        // the cgroup that was killed as a whole; "" the victim alone
	Told    bool          // at length: what follows here is known
	Limit   Constraint
	Cgroup  string // of the victim
	LimitOf string // the cgroup whose limit was hit; "" none, or unknown
	Usage   int64  // of that cgroup: memory in use
	Max     int64  // of that cgroup: its limit; -1 none, or unknown
	Swap    int64  // of that cgroup: swap in use
	Invoker Invoker
	Holders []Process // who held the most when it happened, most first
}

// Constraint is which memory ran out.
type Constraint string

// The constraints of the kernel (enum oom_constraint).
const (
	Host   Constraint = "host"
	Memcg  Constraint = "memcg"
	Cpuset Constraint = "cpuset"
	Policy Constraint = "memory_policy"
)

// Process is a process and what it held.
type Process struct {
	PID         int
	Command     string // at most 15 bytes
	UID         int64  // -1 unknown
	TotalVM     int64
	AnonRSS     int64
	FileRSS     int64
	ShmemRSS    int64
	Pagetables  int64
	Swap        int64
	OOMScoreAdj int
}

// RSS is what of it was in memory.
func (p Process) RSS() int64 { return p.AnonRSS + p.FileRSS + p.ShmemRSS }

// Invoker is the task whose allocation could not be met.
type Invoker struct {
	PID         int // 0 unknown
	Command     string
	Order       int // it wanted 2^Order pages; -1: somebody asked for a kill (sysrq)
	GFP         string
	OOMScoreAdj int
}
