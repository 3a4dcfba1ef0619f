package rpc

import (
	"errors"
	"fmt"

	"bulkhead/supervisor/xmlrpc"
)

// Code is supervisord's number of what went wrong. Its clients know no other.
type Code int

// The faults of supervisord, and the status of what went well.
const (
	UnknownMethod        Code = 1
	IncorrectParameters  Code = 2
	BadArguments         Code = 3
	SignatureUnsupported Code = 4
	ShutdownState        Code = 6
	BadName              Code = 10
	BadSignal            Code = 11
	NoFile               Code = 20
	NotExecutable        Code = 21
	Failed               Code = 30
	AbnormalTermination  Code = 40
	SpawnError           Code = 50
	AlreadyStarted       Code = 60
	NotRunning           Code = 70
	Success              Code = 80
	AlreadyAdded         Code = 90
	StillRunning         Code = 91
	CantReread           Code = 92
)

var codeNames = map[Code]string{
	UnknownMethod: "UNKNOWN_METHOD", IncorrectParameters: "INCORRECT_PARAMETERS", BadArguments: "BAD_ARGUMENTS",
	SignatureUnsupported: "SIGNATURE_UNSUPPORTED", ShutdownState: "SHUTDOWN_STATE", BadName: "BAD_NAME", BadSignal: "BAD_SIGNAL",
	NoFile: "NO_FILE", NotExecutable: "NOT_EXECUTABLE", Failed: "FAILED", AbnormalTermination: "ABNORMAL_TERMINATION",
	SpawnError: "SPAWN_ERROR", AlreadyStarted: "ALREADY_STARTED", NotRunning: "NOT_RUNNING", Success: "SUCCESS",
	AlreadyAdded: "ALREADY_ADDED", StillRunning: "STILL_RUNNING", CantReread: "CANT_REREAD",
}

// String is supervisord's name of the fault.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return "UNKNOWN"
}

// CodeNamed returns the fault of that name, Failed for one that supervisord does not have.
func CodeNamed(name string) Code {
	for c, n := range codeNames {
		if n == name {
			return c
		}
	}
	return Failed
}

// Fault is how a method fails.
type Fault struct {
	Code   Code
	Detail string // mostly the name, as the caller wrote it; "" none
}

// Error is the text that goes over the wire.
func (f *Fault) Error() string {
	if f.Detail == "" {
		return f.Code.String()
	}
	return fmt.Sprintf("%v: %s", f.Code, f.Detail)
}

func fault(c Code, detail string) error { return &Fault{c, detail} }

// faultOf is err as it goes over the wire: what is no fault of supervisord's is FAILED.
func faultOf(err error) *xmlrpc.Fault {
	var f *Fault
	if !errors.As(err, &f) {
		f = &Fault{Failed, err.Error()}
	}
	return &xmlrpc.Fault{Code: int(f.Code), String: f.Error()}
}
