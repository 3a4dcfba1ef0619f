package supervisorctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"bulkhead/supervisor/xmlrpc"
)

// Faults of supervisord's, by number.
const (
	unknownMethod       = 1
	shutdownState       = 6
	badName             = 10
	badSignal           = 11
	noFile              = 20
	notExecutable       = 21
	failed              = 30
	abnormalTermination = 40
	spawnError          = 50
	alreadyStarted      = 60
	notRunning          = 70
	success             = 80
	alreadyAdded        = 90
	stillRunning        = 91
	cantReread          = 92
)

// faulted is the number of the fault that err is, else 0.
func faulted(err error) int {
	var f *xmlrpc.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

func faultText(err error) string {
	var f *xmlrpc.Fault
	if errors.As(err, &f) {
		return f.String
	}
	return ""
}

// shown is a fault as Python prints it.
func shown(f *xmlrpc.Fault) string {
	quote := "'"
	if strings.Contains(f.String, "'") && !strings.Contains(f.String, `"`) {
		quote = `"`
	}
	return fmt.Sprintf("<Fault %d: %s%s%s>", f.Code, quote, f.String, quote)
}

// valueError is a value that cannot be: an address, a config, a fault in the wrong
// place. The words are supervisorctl's.
type valueError string

func (e valueError) Error() string { return string(e) }

// traceback is an error as supervisorctl prints what it has no sentence for:
// scripts look for the Python class and for the fault. The place in a Python
// file that follows there is left out.
func traceback(err error) string {
	var f *xmlrpc.Fault
	var status *xmlrpc.StatusError
	var value valueError
	var errno syscall.Errno
	var lookup *net.DNSError
	switch {
	case errors.As(err, &f):
		return "<class 'xmlrpc.client.Fault'>, " + shown(f)
	case errors.As(err, &status):
		return fmt.Sprintf("<class 'xmlrpc.client.ProtocolError'>, <ProtocolError for 127.0.0.1/RPC2: %d %s>", status.Code, status.Status)
	case errors.As(err, &value):
		return "<class 'ValueError'>, " + value.Error()
	case errors.As(err, &errno):
		return fmt.Sprintf("<class '%s'>, [Errno %d] %s", errnoClass(errno), int(errno), sentence(errno))
	case errors.As(err, &lookup):
		return "<class 'socket.gaierror'>, [Errno -2] Name or service not known"
	case errors.Is(err, context.DeadlineExceeded):
		return "<class 'TimeoutError'>, timed out"
	case errors.Is(err, errNoInput):
		return "<class 'EOFError'>, EOF when reading a line"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "<class 'http.client.RemoteDisconnected'>, Remote end closed connection without response"
	}
	return "<class 'OSError'>, " + err.Error()
}

// errnoClass is Python's name for an error of the system.
func errnoClass(e syscall.Errno) string {
	switch e {
	case syscall.ENOENT:
		return "FileNotFoundError"
	case syscall.ECONNREFUSED:
		return "ConnectionRefusedError"
	case syscall.ECONNRESET:
		return "ConnectionResetError"
	case syscall.EPIPE:
		return "BrokenPipeError"
	case syscall.EACCES, syscall.EPERM:
		return "PermissionError"
	case syscall.ENOTDIR:
		return "NotADirectoryError"
	case syscall.ETIMEDOUT:
		return "TimeoutError"
	}
	return "OSError"
}

// sentence begins with a capital, as in C.
func sentence(e syscall.Errno) string {
	text := e.Error()
	return string(text[0]-'a'+'A') + text[1:]
}
