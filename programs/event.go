package programs

import "time"

// Event is a fact or a wish. Facts about a run carry its number; a fact about a
// run that is no longer the instance's is ignored.
type Event interface{ event() }

// Start wants the instance up.
type Start struct{}

// Stop wants it down; Now skips the stop signal and its wait.
type Stop struct{ Now bool }

// Restart wants a new run in place of the current one.
type Restart struct{}

// RecycleNow wants a graceful replacement, when its turn comes.
type RecycleNow struct{ Why Why }

// Admit gives a due recycle its turn; Overlap when there is room for both runs.
type Admit struct{ Overlap bool }

// Spawned: the run's process exists.
type Spawned struct{ Run uint64 }

// SpawnFailed: there is no process, and nothing of the run remains.
type SpawnFailed struct{ Run uint64 }

// Ready: the run said READY=1.
type Ready struct{ Run uint64 }

// JobsDone: the run finished N more jobs.
type JobsDone struct {
	Run uint64
	N   int
}

// Crossed: the measure of the run is over max_memory.
type Crossed struct{ Run uint64 }

// OverLimit: the measure is over memory_max and no kernel limit holds it.
type OverLimit struct{ Run uint64 }

// Unwell: the run lives and does not do its work. Well is how long it had done it.
type Unwell struct {
	Run  uint64
	Well time.Duration
}

// Stuck: the run makes no progress at the user's own memory_high.
type Stuck struct{ Run uint64 }

// Held: nothing new is to be started for want of memory on the host, or again may be.
type Held struct{ On bool }

// GiveWay wants it down in good order, for want of memory on the host, and up again
// when it is held no more.
type GiveWay struct{}

// Sacrificed wants it killed at once, for want of memory on the host.
type Sacrificed struct{}

// MainExited: the main process ended and was reaped; Left when others of its
// cgroup live on. An Emptied follows then, and only then.
type MainExited struct {
	Run  uint64
	Exit Exit
	Left bool
}

// Emptied: no process of the run is left.
type Emptied struct{ Run uint64 }

// Adopted: this supervisor took the run over from another. Lost when that one
// had no time to take leave: what it had asked of the run last may never have
// been done. A main process that has ended meanwhile is told by MainExited.
type Adopted struct {
	Run  uint64
	Born time.Duration
	Lost bool
}

// Unborn: the run was asked for by another supervisor, and no process of it is
// there; whether there ever was one nobody knows.
type Unborn struct{ Run uint64 }

// Found: a run that nobody remembers is alive.
type Found struct {
	Run  uint64
	Born time.Duration
}

// Tick: a deadline may have passed.
type Tick struct{}

func (Start) event()       {}
func (Stop) event()        {}
func (Restart) event()     {}
func (RecycleNow) event()  {}
func (Admit) event()       {}
func (Spawned) event()     {}
func (SpawnFailed) event() {}
func (Ready) event()       {}
func (JobsDone) event()    {}
func (Crossed) event()     {}
func (OverLimit) event()   {}
func (Unwell) event()      {}
func (Stuck) event()       {}
func (Held) event()        {}
func (GiveWay) event()     {}
func (Sacrificed) event()  {}
func (MainExited) event()  {}
func (Emptied) event()     {}
func (Adopted) event()     {}
func (Unborn) event()      {}
func (Found) event()       {}
func (Tick) event()        {}
