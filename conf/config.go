package conf

import (
	"io/fs"
	"math"
	"syscall"
	"time"
)

// Bytes is an amount of memory or disk, in bytes.
type Bytes int64

// Unlimited is what the kernel calls "max": no limit. As a number it is
// larger than every limit, so that limits compare with < and min.
const Unlimited Bytes = math.MaxInt64

// Config is one configuration as it will run: every default filled in, every
// percentage resolved, every name expanded. It is never changed after Read.
type Config struct {
	Path       string   // the main file, absolute
	Files      []string // the main file and every included one, in reading order
	Supervisor Supervisor
	Host       Host
	Notify     []Notify
	Groups     []Group   // [groups.*], by priority, then name
	Programs   []Program // by group (its priority, then its name), then priority, then name
}

// Group is a [groups.NAME] table: programs whose instances have its name before
// the colon instead of the program's own.
type Group struct {
	Name     string
	Priority int      // of the group among groups
	Programs []string // names of its programs, in the order they are written
}

// Supervisor is the [supervisor] table: the daemon itself.
type Supervisor struct {
	Socket          string
	SocketMode      fs.FileMode
	SocketUID       int // -1: as created
	SocketGID       int // -1: as created
	StateDir        string
	LogFile         string // "" means standard error
	LogFileMaxBytes Bytes  // 0: never rotated
	LogFileBackups  int
	LogLevel        string // debug, info, warn, error
	LogStyle        string // bulkhead, supervisord: the words and the form of log lines
	LogSyslog       bool   // the log goes to syslog(3) instead of LogFile
	Cgroup          CgroupMode
	Orphans         Orphans

	Auth        Auth     // of Socket's XML-RPC side
	Servers     []Server // where else XML-RPC is spoken
	ServerURL   string   // what children find in SUPERVISOR_SERVER_URL, "" nothing
	Identifier  string   // names this supervisor in events and AUTO logs
	PidFile     string   // "": none
	ChildLogDir string   // where AUTO logs are made
	KeepLogs    bool     // AUTO logs of an earlier supervisor stay (supervisord's nocleanup)
	StripANSI   bool     // take escape sequences out of output before it is logged
	User        *User    // whom the supervisor becomes, nil: as started
	Umask       int      // the supervisor's own when it is a daemon, -1: as started
	Directory   string   // where it goes when it is a daemon, "": stays
	MinFDs      int      // RLIMIT_NOFILE is raised to at least this, 0: left alone
	MinProcs    int      // RLIMIT_NPROC likewise
	Foreground  bool     // false: called as supervisord it becomes a daemon
	Silent      bool     // in the foreground the log is not copied to standard output
}

// Auth is HTTP basic authentication; the zero Auth asks for none.
type Auth struct {
	Username string
	Password string // as written: plain, or {SHA} and the hex of its SHA-1
}

// Server is a further socket that speaks XML-RPC.
type Server struct {
	Network string // tcp, unix
	Address string // host:port, host empty for all interfaces; or an absolute path
	Mode    fs.FileMode
	UID     int // -1: as created
	GID     int
	Auth    Auth
}

// Orphans says what becomes of what still runs at the start of the supervisor
// and is in the configuration no more.
type Orphans string

const (
	OrphansStop Orphans = "stop" // as update does: with their own stop signal and wait
	OrphansKeep Orphans = "keep" // until somebody stops them
)

// CgroupMode says what to do where the kernel cannot hold limits.
type CgroupMode string

const (
	CgroupAuto    CgroupMode = "auto"    // use what there is, say what is missing
	CgroupRequire CgroupMode = "require" // refuse to start without limits
	CgroupOff     CgroupMode = "off"     // do not touch cgroups
)

// Host is the [host] table: what may be promised of the host's memory.
type Host struct {
	MemoryTotal   Bytes // the host's RAM at load, or less in a limited container; not a key; 0: unknown
	MemoryReserve Bytes
	Overcommit    string // warn, deny, allow
	Profile       string // Strict or Permissive, of programs without a word of their own
	Pressure      Pressure
}

// The profiles: what a run over its max_memory, a soft line, is in for.
const (
	Strict     = "strict"     // it is recycled
	Permissive = "permissive" // short bursts are let be
)

// Pressure is the [host.pressure] table: what is done while the host is short of memory.
type Pressure struct {
	Hold, Pause, Scale, Reclaim, Kill Rung
	Relief                            time.Duration // of being well, before a step is undone
}

// Rung is when one step is due; the zero value is never.
type Rung struct {
	Below Bytes   // of memory available
	Full  float64 // share of 10 s in which all tasks waited for memory
}

// Program is one [programs.NAME] table.
type Program struct {
	Name      string
	Preset    string
	Profile   string   // Strict or Permissive
	Pos       Position // of the table's header
	Instances []Instance

	User        *User // nil: as the supervisor
	Umask       int   // -1: as the supervisor
	EnvFile     string
	Priority    int
	AutoStart   bool
	AutoRestart AutoRestart
	//lint:ignore ST1011 startsecs is supervisord's word
	StartSecs    time.Duration
	StartRetries int // -1: never given up
	ExitCodes    []int
	RecycleCodes []int // exit codes by which a worker recycles itself: never a failure
	SelfKill     bool  // a SIGKILL out of nowhere is the worker's own job timeout, not a crash
	StopSignal   syscall.Signal
	StopWait     time.Duration
	StopAsGroup  bool           // stop signal to every process of the instance, not to the main one alone
	KillAsGroup  bool           // false is accepted and means nothing: the end is always cgroup.kill
	LeftoverWait time.Duration  // for what outlives the main process, from its SIGTERM to cgroup.kill
	PauseSignal  syscall.Signal // 0: cannot be paused
	ResumeSignal syscall.Signal

	GroupName     string    // its instances' group: its own name, or that of a [groups.*]
	GroupPriority int       // of the group that its instances are in; for one without [groups.*] Priority
	Stdin         bool      // its standard input is a pipe that can be written to, not /dev/null
	ServerURL     string    // SUPERVISOR_SERVER_URL, "": none
	Listener      *Listener // it is an event listener: standard input and output are the protocol
	Fcgi          *Fcgi     // its standard input is this socket, shared by all instances
	StdoutCapture Capture
	StderrCapture Capture

	Notify     bool   // give a notify socket (READY=1, JOBS_DONE=n), and wait for READY=1 instead of startsecs
	JobFormat  string // none, laravel, symfony: how finished jobs are read from the output
	JobPattern string // a regular expression: each line that matches is one finished job; "" none

	Process ProcessLimits
	Limits  Limits // of each instance's cgroup
	Total   Limits // of the cgroup around all instances
	Recycle Recycle
	Health  Health

	src *source // what WithNumprocs needs to name and expand anew
}

// Capture is what becomes of an output stream beside its log.
type Capture struct {
	MaxBytes Bytes // of a capture between supervisord's tokens; 0: not captured
	Events   bool  // what is logged is told as a PROCESS_LOG event
	Syslog   bool  // every line goes to syslog(3) too
}

// Listener is what an event listener wants to hear.
type Listener struct {
	Events     []string // supervisord's names of event types, upper case, as written
	BufferSize int      // events that wait for a listener, at least 1; the oldest are dropped
	Handler    string   // supervisord's result_handler, as written; only the default is there
}

// Fcgi is the listening socket of a FastCGI program.
type Fcgi struct {
	Network string // tcp, unix
	Address string // host:port or an absolute path
	Backlog int    // 0: the kernel's most
	Mode    fs.FileMode
	UID     int // -1: as created
	GID     int
}

// Position is a place in a config file; Line counts from 1, 0 means unknown.
type Position struct {
	File string
	Line int
}

// Instance is one of a program's numprocs processes, with every expansion done.
type Instance struct {
	Name           string // queue_03
	Group          string // the name before the colon: queue
	Num            int    // process_num
	Argv           []string
	Line           string            // the command as it is written, expanded; "" where it is a list of words
	Directory      string            // "": the supervisor's; resolved at each start
	Environment    map[string]string // of the config only: [supervisor] and program merged
	RedirectStderr bool
	Stdout         LogTarget
	Stderr         LogTarget
	Checks         Checks
}

// FullName is how status prints the instance: bare where group and name agree.
func (i Instance) FullName() string {
	if i.Group == i.Name {
		return i.Name
	}
	return i.Group + ":" + i.Name
}

// LogTarget is where one output stream goes.
type LogTarget struct {
	Path     string // absolute; "-" the supervisor's own output; Auto; "" discarded
	MaxBytes Bytes  // rotate after a write that reaches it; 0 never
	Backups  int    // 0: truncate instead of keeping
}

// Auto as the Path of a LogTarget is a file that the supervisor names and makes
// in ChildLogDir, and removes at its next start.
const Auto = "AUTO"

// AutoRestart is supervisord's autorestart.
type AutoRestart string

const (
	RestartAlways     AutoRestart = "true"
	RestartNever      AutoRestart = "false"
	RestartUnexpected AutoRestart = "unexpected" // unless the exit code is in exitcodes
)

// User is whom a program runs as, read from the user database at load.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
	Home   string
}

// ProcessLimits are set on the process itself, before its first instruction.
type ProcessLimits struct {
	OOMScoreAdj  int  // -1000 to 1000, always written: a child never inherits the supervisor's
	OOMScoreFree bool // processes of it may change their own
	Nice         int  // -20 to 19
	Rlimits      []Rlimit
}

// Rlimit is one setrlimit(2) resource; soft and hard are set alike.
type Rlimit struct {
	Name     string // nofile, nproc, core, memlock, stack
	Resource int    // unix.RLIMIT_*
	Value    uint64 // unix.RLIM_INFINITY for "unlimited"
}

// Limits are the keys of a cgroup. The zero value of a field means "not set"
// except where it says Unlimited.
type Limits struct {
	MemoryMin     Bytes
	MemoryLow     Bytes
	MemoryHigh    Bytes // Unlimited: none
	MemoryMax     Bytes // Unlimited: none
	MemorySwapMax Bytes // Unlimited: none
	CPUWeight     uint64
	CPUMax        float64 // in CPUs: 1.5 for "150%"; 0 none
	IOWeight      uint64
	PidsMax       int64 // 0: none
}

// Recycle is the [programs.NAME.recycle] table: wanted, graceful replacement.
type Recycle struct {
	MaxJobs     int           // 0: no limit
	MaxMemory   Bytes         // 0: no limit; compared with the measure, not with memory.current
	MaxAge      time.Duration // 0: no limit
	Jitter      float64       // 0.1 for "10%": the share of jobs and age that is drawn away, once per run
	MinLifetime time.Duration
	Parallel    int // instances of the program that may be recycling at once, at least 1
	Overlap     bool
	Burst       float64       // 0.5 for "50%": with profile Permissive the share of MaxMemory that a burst may be over it
	BurstTime   time.Duration // and for how long

	WhenAvailableBelow Bytes         // of the host's memory; 0: never
	Cooldown           time.Duration // between two recycles for that
}
