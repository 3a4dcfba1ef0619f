package programs

import "time"

// Kind is why a run ended.
type Kind uint8

// The reasons of a run's end.
const (
	NoKind Kind = iota
	KindExited
	KindCrashed
	KindRecycled
	KindOOMKilled     // a limit of its own, or of its program
	KindHostOOMKilled // the host, or a cgroup above ours
	KindKilled        // a SIGKILL that neither the kernel's OOM nor we sent
	KindStopped
	KindStopTimeout
	KindUnhealthy
	KindSpawnFailed
	KindGaveWay // ended by us, for want of memory on the host
	KindUnknown // it ended unseen, and nobody can tell how
)

func (k Kind) String() string {
	return [...]string{"", "exited", "crashed", "recycled", "oom_killed", "host_oom_killed", "killed",
		"stopped", "stop_timeout", "unhealthy", "spawn_failed", "gave_way", "unknown"}[k]
}

// sigkill is the number of SIGKILL on every Linux architecture.
const sigkill = 9

// Exit is how the main process ended, and what the kernel counted meanwhile.
type Exit struct {
	Code    int // -1: a signal ended it, or Unknown
	Signal  int // 0: it exited
	Core    bool
	Unknown bool // the status went to another parent
	OOM     OOM
}

// OOM says whose limit an OOM kill in the run's cgroup answered. It is read
// from memory.events, never guessed from the signal.
type OOM uint8

// Where an out-of-memory kill came from.
const (
	NoOOM OOM = iota
	OwnOOM
	ProgramOOM // the limit around all instances of the program
	HostOOM
)

// Reason is why a run ended.
type Reason struct {
	Run   uint64
	Kind  Kind
	Why   Why  // of a recycle
	Exit  Exit `json:",omitzero"`
	Asked Asked
	Up    bool          // the run had reached RUNNING
	At    time.Duration // of the end
	Lived time.Duration
	Jobs  int
}

// classify says why a run ended. What we asked for comes before what the exit
// looks like, and what the kernel counted before what the signal suggests.
func classify(p Policy, r Run) (Kind, Why) {
	// Without a status the kernel's count decides: a group OOM kill takes them all.
	killed := r.Exit.Signal == sigkill || r.Exit.Unknown && r.Exit.OOM != NoOOM
	switch {
	case r.Asked == AskedLimit:
		return KindOOMKilled, NoWhy
	case killed && r.Exit.OOM == HostOOM:
		return KindHostOOMKilled, NoWhy
	case killed && r.Exit.OOM != NoOOM:
		return KindOOMKilled, NoWhy
	case r.Asked == AskedGiveWay || r.Asked == AskedSacrifice:
		return KindGaveWay, Host
	case r.Asked == AskedUnready || r.Asked == AskedUnhealthy:
		return KindUnhealthy, NoWhy
	case r.Asked != AskedNothing && r.Forced:
		return KindStopTimeout, r.Why
	case killed && r.Kills == 0 && p.StopSignal != sigkill: // not by us: a job that ran into its timeout while it was waited for
		return KindKilled, NoWhy
	case r.Asked == AskedRecycle && r.Exit.Signal != 0 && r.Exit.Signal != p.StopSignal:
		return KindCrashed, NoWhy
	case r.Asked == AskedRecycle:
		return KindRecycled, r.Why
	case r.Asked != AskedNothing:
		return KindStopped, NoWhy
	case r.Exit.Unknown:
		return KindUnknown, NoWhy
	case killed:
		return KindKilled, NoWhy
	case r.Exit.Signal == 0 && p.recycles(r.Exit.Code):
		return KindRecycled, Own
	case r.Exit.Signal == 0 && r.Up && p.expected(r.Exit.Code):
		return KindExited, NoWhy
	}
	return KindCrashed, NoWhy
}

// fails reports whether an end feeds the backoff.
func (k Kind) fails(p Policy, up bool) bool {
	switch k {
	case KindCrashed, KindOOMKilled, KindHostOOMKilled, KindUnhealthy:
		return true
	case KindKilled:
		return !p.SelfKill || !up
	}
	return false
}
