package oneoff

import (
	"errors"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

// Exit codes of our own; every other is the command's. They are those of env(1), nice(1) and
// timeout(1), and sysexits.h's.
const (
	ExitTempFail  = 75  // EX_TEMPFAIL: waited for a lock or for memory in vain; try again later
	ExitFailed    = 125 // we have failed, nothing was run
	ExitCannotRun = 126 // the command was found and cannot be run
	ExitNotFound  = 127
	exitSignal    = 128 // and the number of the signal that ended the command
)

// startCode is the exit code of a start that failed.
func startCode(err error) int {
	var e *spawn.Error
	if !errors.As(err, &e) || e.Step != spawn.StepExec {
		return ExitFailed
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return ExitNotFound
	}
	return ExitCannotRun
}

// statusCode is the exit code that passes a status on, as a shell does.
func statusCode(s spawn.Status) int {
	if s.Signal != 0 {
		return exitSignal + int(s.Signal)
	}
	return s.Code
}
