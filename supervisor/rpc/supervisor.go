package rpc

import (
	"context"
	"time"
)

// Supervisor is what the methods ask of the running supervisor. Its methods may
// be called from any goroutine; an error that is a [*Fault] reaches the client as
// it is, any other as FAILED. Instances are named as [FullName] joins them.
type Supervisor interface {
	About() About
	// Processes returns every instance, by group and then by name.
	Processes(ctx context.Context) []Process
	// Groups returns the names of the groups there are, those without an instance too.
	Groups(ctx context.Context) []string
	// Configs returns the programs of the config that was read last.
	Configs(ctx context.Context) []Config

	// Runnable returns NO_FILE or NOT_EXECUTABLE for an instance whose command
	// cannot be executed.
	Runnable(ctx context.Context, name string) error
	// Start, Stop and Signal answer for each of the names, in their order. With
	// wait they return when it is done, or ctx ends. They are called at most once per
	// request, and also for no names: a request may have begun in the image before this one.
	Start(ctx context.Context, names []string, wait bool) ([]Result, error)
	Stop(ctx context.Context, names []string, wait bool) ([]Result, error)
	Signal(ctx context.Context, names []string, signal string) ([]Result, error)

	// Reload reads the config file and compares it with what runs: names of groups.
	Reload(ctx context.Context) (added, changed, removed []string, err error)
	AddGroup(ctx context.Context, group string) error
	RemoveGroup(ctx context.Context, group string) error
	// UpdateGroup reads the config file and applies what it changes of a group.
	UpdateGroup(ctx context.Context, group string) error
	// Shutdown and Restart return when it is certain to happen.
	Shutdown(ctx context.Context) error
	Restart(ctx context.Context) error

	// LogFile returns the path of an instance's log, of the main log for name "";
	// "" when there is none.
	LogFile(ctx context.Context, name, channel string) string
	// Clear empties the logs of an instance, the main log for name "".
	Clear(ctx context.Context, name string) error
	// Follow reads the last n bytes of a log and then what is appended.
	Follow(ctx context.Context, name, channel string, n int64) (Log, error)

	// Write sends text to an instance's standard input.
	Write(ctx context.Context, name, text string) error
	// Post tells event listeners of a REMOTE_COMMUNICATION.
	Post(ctx context.Context, kind, data string) error
}

// About is the supervisor itself.
type About struct {
	Version    string
	Identifier string
	PID        int
	State      State
}

// State is supervisord's number of its own state.
type State int

// The states that show; below Running no method of supervisor answers.
const (
	Shutdown   State = -1
	Restarting State = 0
	Running    State = 1
)

func (s State) String() string {
	switch s {
	case Shutdown:
		return "SHUTDOWN"
	case Restarting:
		return "RESTARTING"
	case Running:
		return "RUNNING"
	}
	return "FATAL"
}

// Process is one instance as getProcessInfo shows it.
type Process struct {
	Group, Name             string
	GroupPriority, Priority int

	Start, Stop, Now time.Time // zero: never
	State            int
	StateName        string
	SpawnErr         string
	ExitStatus       int
	StdoutLog        string // "" when there is none
	StderrLog        string
	PID              int
	Description      string
}

// FullName is the instance's name in a call.
func (p Process) FullName() string { return FullName(p.Group, p.Name) }

// FullName joins a group and an instance's name: bare where the two agree.
func FullName(group, name string) string {
	if group == name {
		return name
	}
	return group + ":" + name
}

// Config is one instance as getAllConfigInfo shows it.
type Config struct {
	Group, Name             string
	GroupPriority, Priority int
	InUse                   bool // its group is there

	AutoStart      bool
	Directory      string // "": none
	UID            int    // -1: none
	Command        string
	ExitCodes      []int
	KillAsGroup    bool
	RedirectStderr bool
	StartRetries   int
	StartSecs      int
	StopSignal     int
	StopWaitSecs   int
	ServerURL      string // "": none of its own
	Stdout, Stderr Output
}

// Output is one channel of a [Config].
type Output struct {
	LogFile         string // "": none; "auto"
	MaxBytes        int
	Backups         int
	CaptureMaxBytes int
	Events          bool
	Syslog          bool
}

// Result is what became of a call for one instance.
type Result struct {
	Name   string
	Code   Code   // Success when it was done
	Detail string // beside the fault's name, when it is not the instance's name
}

// Log is a log that is followed. Position, which is JSON, is where it is between two
// reads: the note of the request, by which Follow finds it again after an upgrade.
type Log interface {
	Read(p []byte) (int, error)
	Close() error
	Position() any
}
