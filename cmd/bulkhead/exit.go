package main

import (
	"errors"
	"fmt"

	"bulkhead/supervisor"
	"bulkhead/supervisor/control"
)

// Exit codes: supervisorctl's (4.2.5, LSB init scripts) for ctl, and of them
// ok, generic and usage for everything else.
const (
	exitOK          = 0
	exitGeneric     = 1
	exitUsage       = 2
	exitStopped     = 3 // status: an instance is STOPPED, EXITED, FATAL or UNKNOWN; serve as PID 1: one was FATAL
	exitUnreachable = 4 // nobody listens (any more), or we may not; status: also an unknown name
	exitProtocol    = 5 // who answers is not bulkhead, or another version
	exitNotRunning  = 7 // no socket, or an instance that should run and does not
)

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode ends the program with a code after everything has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit prints what is left to say about an error and returns the exit code.
func (a *app) exit(err error) int {
	var code exitCode
	var usage usageError
	var dead *control.UnreachableError
	var given *supervisor.GivenUpError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	a.complain(err)
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &given):
		return exitStopped
	case errors.As(err, &dead):
		return deadCode(dead.Cause)
	}
	return exitGeneric
}

// ended turns the code of a verb that has printed everything into its error.
func ended(code int) error {
	if code == exitOK {
		return nil
	}
	return exitCode(code)
}

// deadCode is supervisorctl's upcheck.
func deadCode(c control.Cause) int {
	switch c {
	case control.NoSocket:
		return exitNotRunning
	case control.Refused, control.NotAllowed, control.Lost:
		return exitUnreachable
	case control.NotBulkhead:
		return exitProtocol
	}
	return exitGeneric
}

// outcomeCode is what one outcome does to the exit code: that of the last one
// that failed stays.
func outcomeCode(verb string, f control.Fault) int {
	switch f {
	case control.NoFault:
		return exitOK
	case control.AlreadyStarted:
		if verb == "start" || verb == "restart" {
			return exitOK // it is as it should be
		}
	case control.NotRunning:
		if verb == "stop" || verb == "restart" {
			return exitOK
		}
		return exitNotRunning
	case control.SpawnError, control.AbnormalTermination:
		return exitNotRunning
	case control.BadGroup:
		if verb == "start" || verb == "restart" { // supervisorctl's restart ends with a start
			return exitUsage
		}
	}
	return exitGeneric
}

// outcomesCode is the exit code after all outcomes of a verb.
func outcomesCode(verb string, all []control.Outcome) int {
	code := exitOK
	for _, o := range all {
		if c := outcomeCode(verb, o.Fault); c != exitOK {
			code = c
		}
	}
	return code
}

// statusCode is the exit code of status; a stopped instance weighs more than
// an unknown name.
func statusCode(found []control.Line, bad []control.Outcome) int {
	for _, s := range found {
		if control.IsStopped(s.State) {
			return exitStopped
		}
	}
	if len(bad) > 0 {
		return exitUnreachable
	}
	return exitOK
}
