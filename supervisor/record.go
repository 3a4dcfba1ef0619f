package supervisor

import (
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// What is remembered while no supervisor runs. Everything here is written as
// JSON by package state; a field may be added, but keeps its meaning for good:
// an upgrade reads what the version before has written. What is mostly zero is
// left out: clients wait in an upgrade for all of it to be written and read.

// instanceRecord is an instance as the loop remembers it.
type instanceRecord struct {
	Program                      string
	State                        programs.State // its moments count from the boot
	Runs                         map[uint64]runRecord
	Paused, HostPaused           uint64
	GaveWay                      bool
	Leaving                      bool
	Restarts, Recycles, OOMKills int64
	StartedAt, StoppedAt         time.Time
}

// runRecord is how a live run is known again.
type runRecord struct {
	PID      int           // of the main process
	Ticks    uint64        // its start time, clock ticks since the boot
	Cgroup   uint64        // the kernel's id of its cgroup, 0 none
	Instance string        // its instance's name at its birth, which its cgroup and pipes go by
	Started  time.Time     // for people
	Counted  uint64        // jobs of its output that State knows of
	Before   cgroup.Counts `json:",omitzero"` // of the program's cgroup, when the run was born
	Watchdog time.Duration // what it was told of WATCHDOG=1 at its start, 0 nothing
	Unwell   string        // why it is being ended as unhealthy
}

// supervisorRecord is the supervisor that wrote all this.
type supervisorRecord struct {
	Version string
	PID     int
	Serial  uint64   // of the newest event
	Clean   bool     // it ended with everything stopped
	Left    bool     // it ended in order and left everything running
	Ending  bool     // it was stopping everything
	Digest  string   // of the config files as they were applied last
	Token   string   // in the names of AUTO logs
	Gone    []string // programs that are configured no more and not stopped yet

	Socket, StateDir, Cgroup string // of the configuration, which must not change under it
}

// The keys of the documents.
const (
	keySupervisor = "supervisor"
	keyPrograms   = "programs" // []conf.Program, those in force
	keyInstance   = "instance/"
	keyReasons    = "reasons/"  // []control.Reason, newest first
	keyListeners  = "listeners" // listen.Board, handed over only
)

func (l *loop) record(in *instance) instanceRecord {
	r := instanceRecord{Program: in.prog.conf.Name, State: in.state, Paused: in.paused, Leaving: in.leaving, HostPaused: in.hostPaused, GaveWay: in.gaveWay,
		Restarts: in.restarts, Recycles: in.recycles, OOMKills: in.oomKills,
		StartedAt: in.startedAt, StoppedAt: in.stoppedAt}
	for n, f := range in.runs {
		if f.known.PID != 0 {
			if r.Runs == nil {
				r.Runs = make(map[uint64]runRecord, 2)
			}
			r.Runs[n] = f.known
		}
	}
	return r
}

// recall puts an instance back to where it was.
func (in *instance) recall(r instanceRecord, reasons []control.Reason) {
	in.state, in.paused, in.leaving = r.State, r.Paused, r.Leaving
	in.hostPaused, in.gaveWay = r.HostPaused, r.GaveWay
	in.startedAt, in.stoppedAt = r.StartedAt, r.StoppedAt
	in.recount(r, reasons)
	for n, known := range r.Runs {
		f := in.facts(n)
		f.pid, f.started, f.known = known.PID, known.Started, known
	}
}

// recount takes over what stays true when nothing of it runs any more, as after
// a reboot: the run numbers, the counts, and the reasons.
func (in *instance) recount(r instanceRecord, reasons []control.Reason) {
	in.restarts, in.recycles, in.oomKills = r.Restarts, r.Recycles, r.OOMKills
	in.state.LastN = r.State.LastN
	in.reasons = reasons
}

// memory is where the loop writes what is to be remembered. Nothing of it blocks.
type memory interface {
	Put(key string, v any)
	Delete(key string)
}

// noMemory is for a loop without one.
type noMemory struct{}

func (noMemory) Put(string, any) {}
func (noMemory) Delete(string)   {}

// remember writes down what has changed since the last call.
func (l *loop) remember() {
	if len(l.stale) == 0 && len(l.forgotten) == 0 {
		return
	}
	for name := range l.forgotten {
		if l.instances[name] == nil {
			l.memory.Delete(keyInstance + name)
			l.memory.Delete(keyReasons + name)
		}
	}
	for in := range l.stale {
		name := in.conf.FullName()
		if l.instances[name] != in {
			continue // its name is another's: what is left of it ends
		}
		l.memory.Put(keyInstance+name, l.record(in))
		if in.told {
			in.told = false
			l.memory.Put(keyReasons+name, in.reasons)
		}
	}
	clear(l.stale)
	clear(l.forgotten)
	l.rememberSelf(false)
}

// rememberSelf writes down the supervisor's own part.
func (l *loop) rememberSelf(clean bool) { l.memory.Put(keySupervisor, l.ownRecord(clean)) }

func (l *loop) ownRecord(clean bool) supervisorRecord {
	self := l.self
	self.Serial, self.Ending, self.Clean = l.journal.newest(), l.ending != nil, clean
	for _, p := range l.inOrder() {
		if !l.defines(p.conf.Name) {
			self.Gone = append(self.Gone, p.conf.Name)
		}
	}
	return self
}

// rememberPrograms writes down the programs in force, after they were changed.
func (l *loop) rememberPrograms() {
	l.memory.Put(keyPrograms, l.inForce())
	for _, in := range l.instances {
		l.stale[in] = true
	}
}

// inForce are the programs with all their instances, as a successor must know
// them to go on.
func (l *loop) inForce() []conf.Program {
	all := make([]conf.Program, 0, len(l.programs))
	for _, p := range l.inOrder() {
		c := *p.conf
		c.Instances = make([]conf.Instance, len(p.instances)) // those that leave too
		for i, in := range p.instances {
			c.Instances[i] = *in.conf
		}
		all = append(all, c)
	}
	return all
}

// rememberAll is all there is to remember, for a successor that gets it handed over.
func (l *loop) rememberAll() map[string]any {
	all := map[string]any{keySupervisor: l.ownRecord(false), keyPrograms: l.inForce(), keyListeners: l.board}
	for name, in := range l.instances {
		all[keyInstance+name] = l.record(in)
		all[keyReasons+name] = in.reasons
	}
	for name, p := range l.programs {
		if p.relieved != 0 {
			all[keyRelieved+name] = p.relieved
		}
	}
	for name, n := range l.needs {
		all[keyNeed+name] = n
	}
	l.oom.rememberKills(all)
	if q := l.unsent(); q != nil {
		all[keyUnsent] = q
	}
	return all
}
