package programs

// Action is something the edge must do.
type Action interface{ action() }

// Spawn asks for a process in a fresh cgroup; Spawned or SpawnFailed answers.
type Spawn struct{ Run uint64 }

// SignalStop sends the policy's stop signal.
type SignalStop struct{ Run uint64 }

// SignalRest sends SIGTERM to what outlived the main process.
type SignalRest struct{ Run uint64 }

// Kill writes cgroup.kill.
type Kill struct{ Run uint64 }

// Lift sets memory.high to "max": a throttled worker cannot obey.
type Lift struct{ Run uint64 }

// Release gives back what a run that is over still holds.
type Release struct{ Run uint64 }

func (Spawn) action()      {}
func (SignalStop) action() {}
func (SignalRest) action() {}
func (Kill) action()       {}
func (Lift) action()       {}
func (Release) action()    {}
