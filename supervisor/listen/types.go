package listen

import (
	"slices"
	"strings"
)

// Type is the name of a kind of event: supervisord's (4.2.5, events.py), or one of ours.
type Type string

// The types that are told. What stands before the last underscore may be an abstract
// one, which is subscribed to for all below it.
const (
	ProcessStateStarting Type = "PROCESS_STATE_STARTING"
	ProcessStateRunning  Type = "PROCESS_STATE_RUNNING"
	ProcessStateBackoff  Type = "PROCESS_STATE_BACKOFF"
	ProcessStateStopping Type = "PROCESS_STATE_STOPPING"
	ProcessStateExited   Type = "PROCESS_STATE_EXITED"
	ProcessStateStopped  Type = "PROCESS_STATE_STOPPED"
	ProcessStateFatal    Type = "PROCESS_STATE_FATAL"
	ProcessStateUnknown  Type = "PROCESS_STATE_UNKNOWN"

	ProcessLogStdout           Type = "PROCESS_LOG_STDOUT"
	ProcessLogStderr           Type = "PROCESS_LOG_STDERR"
	ProcessCommunicationStdout Type = "PROCESS_COMMUNICATION_STDOUT"
	ProcessCommunicationStderr Type = "PROCESS_COMMUNICATION_STDERR"
	RemoteCommunication        Type = "REMOTE_COMMUNICATION"
	SupervisorRunning          Type = "SUPERVISOR_STATE_CHANGE_RUNNING"
	SupervisorStopping         Type = "SUPERVISOR_STATE_CHANGE_STOPPING"
	Tick5                      Type = "TICK_5"
	Tick60                     Type = "TICK_60"
	Tick3600                   Type = "TICK_3600"
	ProcessGroupAdded          Type = "PROCESS_GROUP_ADDED"
	ProcessGroupRemoved        Type = "PROCESS_GROUP_REMOVED"

	// What supervisord cannot know. These are matched by their own names and by
	// BULKHEAD, not by EVENT: a listener that was written for all of supervisord's
	// events does not expect them.
	Recycled  Type = "BULKHEAD_RECYCLED"
	OOMKilled Type = "BULKHEAD_OOM_KILLED"
	Ended     Type = "BULKHEAD_ENDED" // any end of a run, with its reason
	Trouble   Type = "BULKHEAD_TROUBLE"

	HostPressure Type = "BULKHEAD_HOST_PRESSURE"
	HostOOMKill  Type = "BULKHEAD_HOST_OOM_KILL" // of a process that is none of ours
)

// All are the types that are told.
var All = []Type{
	ProcessStateStarting, ProcessStateRunning, ProcessStateBackoff, ProcessStateStopping, ProcessStateExited,
	ProcessStateStopped, ProcessStateFatal, ProcessStateUnknown,
	ProcessLogStdout, ProcessLogStderr, ProcessCommunicationStdout, ProcessCommunicationStderr, RemoteCommunication,
	SupervisorRunning, SupervisorStopping, Tick5, Tick60, Tick3600, ProcessGroupAdded, ProcessGroupRemoved,
	Recycled, OOMKilled, Ended, Trouble, HostPressure, HostOOMKill,
}

// abstract are the types that only stand for those below them.
var abstract = []Type{"EVENT", "PROCESS_STATE", "PROCESS_LOG", "PROCESS_COMMUNICATION", "SUPERVISOR_STATE_CHANGE", "TICK", "PROCESS_GROUP", "BULKHEAD"}

// Names are all that can be subscribed to, sorted.
func Names() []string {
	var out []string
	for _, t := range slices.Concat(All, abstract) {
		out = append(out, string(t))
	}
	slices.Sort(out)
	return out
}

// Known reports whether a name can be subscribed to.
func Known(name string) bool {
	return slices.Contains(All, Type(name)) || slices.Contains(abstract, Type(name))
}

// Ours reports whether a type is none of supervisord's.
func (t Type) Ours() bool { return strings.HasPrefix(string(t), "BULKHEAD") }

// matches reports whether a subscription means an event of type t.
func matches(subscribed string, t Type) bool {
	switch {
	case subscribed == string(t):
		return true
	case !slices.Contains(abstract, Type(subscribed)):
		return false
	case subscribed == "EVENT":
		return !t.Ours()
	}
	return strings.HasPrefix(string(t), subscribed+"_")
}
