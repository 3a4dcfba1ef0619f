package spawn

import (
	"errors"
	"fmt"
)

// Error says which step of a start failed, on what, and why.
type Error struct {
	Command string // Argv[0]
	Step    string // one of the Step constants
	Object  string // what the step worked on; may be empty
	Err     error  // syscall.Errno, the context's error, or ErrDied with a cause
}

// The steps of a start, in order.
const (
	StepPrepare     = "prepare"
	StepForkCgroup  = "fork into cgroup"
	StepFork        = "fork"
	StepJoinCgroup  = "join cgroup"
	StepStdio       = "connect"
	StepDescriptors = "close inherited descriptors"
	StepSession     = "create session"
	StepDeathSignal = "bind to our end by"
	StepKeep        = "keep descriptor"
	StepOOMScoreAdj = "set oom_score_adj to"
	StepRlimit      = "set limit"
	StepNice        = "set nice to"
	StepUmask       = "set umask to"
	StepSignals     = "reset signals"
	StepGroups      = "set supplementary groups to"
	StepGID         = "set group to"
	StepUID         = "set user to"
	StepChdir       = "chdir to"
	StepExec        = "exec"
)

// ErrDied is the cause of an Error when the child ended before its exec
// without a word: killed from outside, mostly.
var ErrDied = errors.New("died before it could exec")

func (e *Error) Error() string {
	if e.Object == "" {
		return fmt.Sprintf("cannot start %q: %s: %v", e.Command, e.Step, e.Err)
	}
	return fmt.Sprintf("cannot start %q: %s %q: %v", e.Command, e.Step, e.Object, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Warning is a step that was refused and that a start can do without.
type Warning struct {
	Step, Object string
	Err          error
}

func (w *Warning) Error() string {
	return fmt.Sprintf("cannot %s %q: %v", w.Step, w.Object, w.Err)
}

func (w *Warning) Unwrap() error { return w.Err }
