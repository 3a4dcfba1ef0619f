package control

import "time"

// Version is the version of the protocol: the first element of every path.
const Version = "v1"

// Status is one instance as `status --json` prints it. The memory fields are
// readings: of when it was asked for, zero when nothing runs.
type Status struct {
	Name          string    `json:"name"`
	Group         string    `json:"group"`
	Program       string    `json:"program"`
	State         string    `json:"state"` // STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL UNKNOWN
	StateCode     int       `json:"state_code"`
	Description   string    `json:"description"` // supervisord's third column
	PID           int       `json:"pid"`
	Run           uint64    `json:"run"` // number of the current or last run, 0: never started
	StartedAt     time.Time `json:"started_at,omitzero"`
	StoppedAt     time.Time `json:"stopped_at,omitzero"`
	UptimeSeconds int64     `json:"uptime_seconds"`

	MemoryBytes        int64  `json:"memory_bytes"` // the measure: what only the process can give back
	MemoryCurrentBytes int64  `json:"memory_current_bytes"`
	MemoryPeakBytes    int64  `json:"memory_peak_bytes"`
	MemoryMaxBytes     int64  `json:"memory_max_bytes"` // 0: no limit
	MaxMemoryBytes     int64  `json:"max_memory_bytes"` // the recycle line, 0: none
	SwapBytes          int64  `json:"swap_bytes"`
	JobsDone           int64  `json:"jobs_done"` // of this run
	MaxJobs            int64  `json:"max_jobs"`  // as drawn for this run, 0: none
	Restarts           int64  `json:"restarts"`
	Recycles           int64  `json:"recycles"`
	OOMKills           int64  `json:"oom_kills"`
	OOMScoreAdj        int    `json:"oom_score_adj"`
	Profile            string `json:"profile"` // strict or permissive
	Cgroup             string `json:"cgroup"`  // path below the mount, "" where there is none

	Recycling  string  `json:"recycling,omitempty"` // why a recycle is due or under way
	Paused     bool    `json:"paused,omitempty"`
	HeldBack   bool    `json:"held_back,omitempty"` // in BACKOFF for want of memory on the host
	Enforced   string  `json:"enforced"`            // kernel, sampling, none: who holds memory_max
	Health     string  `json:"health,omitempty"`    // healthy; failing 2/3: connection refused; starting; "" where nothing is looked at
	LastReason *Reason `json:"last_reason"`

	StdoutLog string `json:"stdout_log"` // "" when there is none
	StderrLog string `json:"stderr_log"`
}

// FullName is how the instance is printed and named in orders: group:name,
// bare where the two agree.
func (s Status) FullName() string { return FullName(s.Group, s.Name) }

// Reason says why a run ended.
type Reason struct {
	Kind   string    `json:"kind"` // exited crashed recycled oom_killed host_oom_killed killed stopped stop_timeout unhealthy spawn_failed gave_way
	Detail string    `json:"detail"`
	At     time.Time `json:"at"`
	Run    uint64    `json:"run"`

	ExitCode        int    `json:"exit_code"`        // -1 when a signal ended it
	Signal          string `json:"signal,omitempty"` // SIGKILL
	UptimeSeconds   int64  `json:"uptime_seconds"`
	MemoryPeakBytes int64  `json:"memory_peak_bytes,omitempty"`
	JobsDone        int64  `json:"jobs_done"`
	Job             string `json:"job,omitempty"`       // the job in hand when it ended
	SpawnErr        string `json:"spawn_err,omitempty"` // of spawn_failed: what supervisord calls it
}

// History is the answer to `why NAME`: the instance and its last reasons, newest first.
type History struct {
	Status  Status   `json:"status"`
	Reasons []Reason `json:"reasons"`
}

// Event is one line of `events`: something that happened, numbered from 1.
type Event struct {
	Serial  uint64            `json:"serial"`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind"`           // state, ended, recycle_due, tripwire, tripwire_moved, spawn_failed, leftovers, ready, failing, healthy, oom_score, scaled, config, supervisor, shortage, oom_kill
	Name    string            `json:"name,omitempty"` // full name of the instance, or the program's
	Run     uint64            `json:"run,omitempty"`
	From    string            `json:"from,omitempty"` // state before
	To      string            `json:"to,omitempty"`   // state after
	PID     int               `json:"pid,omitempty"`
	Message string            `json:"message"` // one English sentence
	Reason  *Reason           `json:"reason,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"`
}

// Order is a request that changes something.
type Order struct {
	Verb    string   `json:"verb"`  // start stop restart recycle signal pause resume scale profile clear update upgrade shutdown
	Names   []string `json:"names"` // supervisorctl's: name, group:name, group:*, all
	Signal  string   `json:"signal,omitempty"`
	Count   int      `json:"count,omitempty"`   // scale
	Profile string   `json:"profile,omitempty"` // profile: strict, permissive
	Now     bool     `json:"now,omitempty"`     // stop --now: cgroup.kill at once
	Roll    bool     `json:"rolling,omitempty"` // restart --rolling
	NoWait  bool     `json:"no_wait,omitempty"` // answer when the order is taken, not when it is done
}

// Outcome is what became of an Order for one name; Fault is empty on success.
type Outcome struct {
	Name   string `json:"name"` // as supervisorctl prints it
	Done   string `json:"done"` // started stopped signalled recycled paused resumed cleared scaled ...
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"` // a sentence that explains the fault
}

// Fault is supervisord's name of what went wrong.
type Fault string

const (
	NoFault             Fault = ""
	BadName             Fault = "BAD_NAME"
	BadGroup            Fault = "BAD_GROUP" // not supervisord's: its client tells the two apart by the asterisk
	BadSignal           Fault = "BAD_SIGNAL"
	BadArguments        Fault = "BAD_ARGUMENTS"
	NoFile              Fault = "NO_FILE"
	NotExecutable       Fault = "NOT_EXECUTABLE"
	Failed              Fault = "FAILED"
	AbnormalTermination Fault = "ABNORMAL_TERMINATION"
	SpawnError          Fault = "SPAWN_ERROR"
	AlreadyStarted      Fault = "ALREADY_STARTED"
	NotRunning          Fault = "NOT_RUNNING"
	CantReread          Fault = "CANT_REREAD"
	ShuttingDown        Fault = "SHUTDOWN_STATE"
)

// Changes is the answer to reread: group names, sorted.
type Changes struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}

// Info is the answer to version: the daemon itself.
type Info struct {
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	Config   string `json:"config"`
	State    string `json:"state"`    // RUNNING, SHUTDOWN
	Enforced string `json:"enforced"` // kernel, sampling, none
	Why      string `json:"why"`      // why not kernel, in one sentence
}
