package control

import "errors"

// Error is a refusal of a whole request, carried over the wire. A [Daemon]
// returns it from Do and Reread to say which fault it is; any other error
// travels as its text with the fault FAILED.
type Error struct {
	Fault   Fault
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Fault)
	}
	return e.Message
}

// FaultOf returns the fault an error carries: NoFault for nil, Failed for an
// error that says nothing more exact.
func FaultOf(err error) Fault {
	var e *Error
	switch {
	case err == nil:
		return NoFault
	case errors.As(err, &e):
		return e.Fault
	}
	return Failed
}
