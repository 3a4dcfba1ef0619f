package programs

import "time"

// State is all that is remembered of one instance between two events. The zero
// value is an instance that was never started. States compare with ==.
type State struct {
	Want bool // it shall run
	Cur  Run  `json:",omitzero"` // the instance's run; the zero Run when nothing runs
	Side Run  `json:",omitzero"` // during an overlap: the replacement that starts, or the predecessor that leaves
	Rest Rest // how it rests while Cur is zero

	Again time.Duration // not before: the next start in BACKOFF, the next try of a failed overlap; 0 none
	Level int           // steps of the exponential delay
	Tries int           // failed starts in a row, for startretries
	Held  bool          // the host is short of memory: nothing new is started; Waiting without Again is for its end
	Due   Why           // a recycle is wanted and waits for its turn
	Slot  bool          // one of the program's parallel recycles is this one

	LastN uint64 // number of the newest run
	Last  Reason `json:",omitzero"` // why the last run ended; Last.Run is 0 before the first end
}

// Run is one life of the instance.
type Run struct {
	N     uint64 // from 1; 0 means there is no run
	Phase Phase
	Born  time.Duration // when its process came to be, then kept through all phases
	Since time.Duration // when the phase was entered
	Until time.Duration // the phase's deadline, 0 none

	Asked  Asked // why we are ending it
	Why    Why   // the reason, when Asked is AskedRecycle
	Hurry  bool  // asked to end at once while there was no process yet
	Forced bool  // the stop wait ran out, or nobody wanted to wait
	Up     bool  // it had reached RUNNING
	Said   bool  // READY=1 came before the word that there is a process
	Exit   Exit  `json:",omitzero"` // how the main process ended, once it has
	Kills  int   // cgroup.kill written so often, at most maxKills

	Jobs    int           // finished
	MaxJobs int           // as drawn for this run, 0 no limit
	MaxAge  time.Duration // as drawn for this run, 0 no limit
	Outgrew bool          // over max_memory at birth: left alone
	Well    time.Duration // how long it had been well, when Asked is AskedUnhealthy
}

// Live reports whether there is a run at all.
func (r Run) Live() bool { return r.N != 0 }

// Phase is where a run is in its life.
type Phase uint8

const (
	NoPhase  Phase = iota
	Spawning       // the edge was asked for a process
	Starting       // a process exists and must stay up for startsecs, or say READY=1
	Running
	Stopping // the stop signal is out
	Killing  // cgroup.kill is out, and repeated until the kernel confirms
	Leftover // the main process is gone, others of its cgroup are not
)

// Rest is how an instance without a run rests.
type Rest uint8

const (
	Stopped Rest = iota
	Exited       // ended by itself, and not to be restarted
	Waiting      // in BACKOFF until Again
	Fatal        // given up
)

// Asked is what the supervisor wanted of a run that it is ending.
type Asked uint8

const (
	AskedNothing Asked = iota
	AskedStop
	AskedRestart
	AskedRecycle
	AskedUnready   // READY=1 did not come in time
	AskedLimit     // over memory_max where the kernel cannot hold it
	AskedUnhealthy // it was up, and stopped doing its work
	AskedGiveWay   // the host is short of memory: in good order
	AskedSacrifice // the same, at once
)

// Why is what a recycle is for.
type Why uint8

const (
	NoWhy Why = iota
	MaxJobs
	MaxMemory
	MaxAge
	Requested
	Host
	Wedged // stuck at the user's own memory_high
	Own    // the worker ended by itself with a recycle exit code
)

// Moment is when an event happened, and the chance drawn for it.
type Moment struct {
	At   time.Duration // monotonic, since the supervisor's start; never 0
	Draw float64       // uniform in [0, 1)
}

// Public is supervisord's name and code of a state.
type Public uint16

// supervisord's process states.
const (
	STOPPED  Public = 0
	STARTING Public = 10
	RUNNING  Public = 20
	BACKOFF  Public = 30
	STOPPING Public = 40
	EXITED   Public = 100
	FATAL    Public = 200
	UNKNOWN  Public = 1000
)

// Public maps the inner phases to what users see. An overlap shows as RUNNING:
// the instance is never without a worker then.
func (s State) Public() Public {
	switch s.Cur.Phase {
	case Spawning, Starting:
		return STARTING
	case Running:
		return RUNNING
	case Stopping, Killing, Leftover:
		return STOPPING
	case NoPhase:
		switch s.Rest {
		case Stopped:
			return STOPPED
		case Exited:
			return EXITED
		case Waiting:
			return BACKOFF
		case Fatal:
			return FATAL
		}
	}
	return UNKNOWN
}

// Shown is Public for who looks at the instance now and then. Between a retry of a start
// that had failed without a process and its outcome nothing is there but the failure, so
// that is shown: supervisord, which forks within one turn, never shows a start without a
// process.
func (s State) Shown() Public {
	retry := s.Tries > 0 || s.Level > 0 // zero for a start that somebody asked for
	if s.Cur.Phase == Spawning && s.Last.Kind == KindSpawnFailed && retry {
		return BACKOFF
	}
	return s.Public()
}

func (p Public) String() string {
	switch p {
	case STOPPED:
		return "STOPPED"
	case STARTING:
		return "STARTING"
	case RUNNING:
		return "RUNNING"
	case BACKOFF:
		return "BACKOFF"
	case STOPPING:
		return "STOPPING"
	case EXITED:
		return "EXITED"
	case FATAL:
		return "FATAL"
	}
	return "UNKNOWN"
}

func (w Why) String() string {
	return [...]string{"", "max_jobs", "max_memory", "max_age", "requested", "host", "wedged", "own"}[w]
}

// Deadline is the one moment at which the instance wants a Tick; ok is false
// when it waits for nothing but facts. It is computed from the state and so
// cannot outlive it.
func (s State) Deadline(p Policy) (at time.Duration, ok bool) {
	consider := func(t time.Duration) {
		if t != 0 && (!ok || t < at) {
			at, ok = t, true
		}
	}
	consider(s.Cur.Until)
	consider(s.Side.Until)
	if s.Again != 0 && (!s.Cur.Live() && s.Rest == Waiting) {
		consider(s.Again)
	}
	if s.Cur.Phase == Running && !s.Slot {
		if s.Due == NoWhy && s.Cur.MaxAge > 0 {
			consider(s.Cur.Born + s.Cur.MaxAge)
		}
		if s.Due != NoWhy {
			consider(s.eligibleAt(p))
		}
	}
	return at, ok
}
