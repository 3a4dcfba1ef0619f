package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// spawnErr is what supervisord would say of a start that failed (4.2.5, process.py). What
// fails in its child after the fork ends there as a program that exits too quickly.
func spawnErr(err error) string {
	var e *spawn.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("unknown error during spawn: %v", err)
	}
	switch {
	case e.Step == spawn.StepExec && errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("can't find command '%s'", e.Command)
	case e.Step == spawn.StepExec && errors.Is(e.Err, fs.ErrPermission):
		return fmt.Sprintf("command at '%s' is not executable", e.Command)
	case errors.Is(e.Err, syscall.EMFILE), errors.Is(e.Err, syscall.ENFILE):
		return fmt.Sprintf("too many open files to spawn '%s'", e.Command)
	case e.Step == spawn.StepFork && errors.Is(e.Err, syscall.EAGAIN):
		return fmt.Sprintf("Too many processes in process table to spawn '%s'", e.Command)
	case e.Step == spawn.StepFork, e.Step == spawn.StepForkCgroup, e.Step == spawn.StepPrepare:
		return fmt.Sprintf("unknown error during fork for '%s': %v", e.Command, e.Err)
	}
	return control.TooQuickly
}

// spawnErrOf is the spawnerr of an instance as it is now: supervisord's words for why it
// does not run. It is empty while something does.
func spawnErrOf(s control.Status, v *view) string {
	r := s.LastReason
	if r == nil {
		return ""
	}
	switch s.State {
	case "BACKOFF", "FATAL":
		switch {
		case r.SpawnErr != "":
			return r.SpawnErr
		case float64(r.UptimeSeconds) < v.startSecs.Seconds() || r.UptimeSeconds == 0:
			return control.TooQuickly
		}
		return badExit(r.ExitCode)
	case "STOPPED": // while it was tried again
		switch {
		case r.SpawnErr != "":
			return r.SpawnErr
		case r.Kind == "crashed" && float64(r.UptimeSeconds) < v.startSecs.Seconds():
			return control.TooQuickly
		}
	case "EXITED":
		if r.Kind != "exited" && r.Kind != "recycled" {
			return badExit(r.ExitCode)
		}
	}
	return ""
}

func badExit(code int) string { return fmt.Sprintf("Bad exit code %d", code) }

// exitStatusOf is the exit status that supervisord shows: of the last run once it was up or
// was stopped, 0 for one that ended too quickly and while there is another.
func exitStatusOf(s control.Status) int {
	r := s.LastReason
	switch {
	case r == nil:
		return 0
	case s.State == "EXITED":
		return r.ExitCode
	case s.State == "STOPPED" && r.Kind != "crashed" && r.Kind != "spawn_failed":
		return r.ExitCode
	}
	return 0
}
