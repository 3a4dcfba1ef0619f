package listen

import (
	"slices"
	"strings"
)

// Type is the name of an event, as listeners subscribe to it.
type Type string

// The events of supervisord that something happens for.
const (
	ProcessStopped  Type = "PROCESS_STATE_STOPPED"
	ProcessExited   Type = "PROCESS_STATE_EXITED"
	ProcessStarting Type = "PROCESS_STATE_STARTING"
	ProcessStopping Type = "PROCESS_STATE_STOPPING"
	ProcessBackoff  Type = "PROCESS_STATE_BACKOFF"
	ProcessFatal    Type = "PROCESS_STATE_FATAL"
	ProcessRunning  Type = "PROCESS_STATE_RUNNING"
	ProcessUnknown  Type = "PROCESS_STATE_UNKNOWN"

	CommunicationStdout Type = "PROCESS_COMMUNICATION_STDOUT"
	CommunicationStderr Type = "PROCESS_COMMUNICATION_STDERR"
	LogStdout           Type = "PROCESS_LOG_STDOUT"
	LogStderr           Type = "PROCESS_LOG_STDERR"
	RemoteCommunication Type = "REMOTE_COMMUNICATION"
	SupervisorRunning   Type = "SUPERVISOR_STATE_CHANGE_RUNNING"
	SupervisorStopping  Type = "SUPERVISOR_STATE_CHANGE_STOPPING"
	Tick5               Type = "TICK_5"
	Tick60              Type = "TICK_60"
	Tick3600            Type = "TICK_3600"
	GroupAdded          Type = "PROCESS_GROUP_ADDED"
	GroupRemoved        Type = "PROCESS_GROUP_REMOVED"
)

// The events that only bulkhead has.
const (
	Recycled     Type = "BULKHEAD_RECYCLED"      // a worker was replaced as its recycle rules want
	OOMKilled    Type = "BULKHEAD_OOM_KILLED"    // by its own limit, its program's, or for want of the host's memory
	HostPressure Type = "BULKHEAD_HOST_PRESSURE" // the host's memory is short, or is so no more
	Paused       Type = "BULKHEAD_PAUSED"
	Resumed      Type = "BULKHEAD_RESUMED"
)

// The names that stand for all that have them as their parent.
const (
	Any                   Type = "EVENT" // all of supervisord's
	ProcessState          Type = "PROCESS_STATE"
	ProcessLog            Type = "PROCESS_LOG"
	ProcessCommunication  Type = "PROCESS_COMMUNICATION"
	SupervisorStateChange Type = "SUPERVISOR_STATE_CHANGE"
	Tick                  Type = "TICK"
	ProcessGroup          Type = "PROCESS_GROUP"
	Bulkhead              Type = "BULKHEAD" // all of bulkhead's own
)

// parents is the tree; what has no parent is a root.
var parents = map[Type]Type{
	Any: "", Bulkhead: "",
	ProcessState: Any, ProcessLog: Any, ProcessCommunication: Any,
	SupervisorStateChange: Any, Tick: Any, ProcessGroup: Any, RemoteCommunication: Any,

	ProcessStopped: ProcessState, ProcessExited: ProcessState, ProcessStarting: ProcessState,
	ProcessStopping: ProcessState, ProcessBackoff: ProcessState, ProcessFatal: ProcessState,
	ProcessRunning: ProcessState, ProcessUnknown: ProcessState,
	CommunicationStdout: ProcessCommunication, CommunicationStderr: ProcessCommunication,
	LogStdout: ProcessLog, LogStderr: ProcessLog,
	SupervisorRunning: SupervisorStateChange, SupervisorStopping: SupervisorStateChange,
	Tick5: Tick, Tick60: Tick, Tick3600: Tick,
	GroupAdded: ProcessGroup, GroupRemoved: ProcessGroup,

	Recycled: Bulkhead, OOMKilled: Bulkhead, HostPressure: Bulkhead, Paused: Bulkhead, Resumed: Bulkhead,
}

// Parse returns the type of a name in any case, as in a listener's events=; false
// when there is none.
func Parse(name string) (Type, bool) {
	t := Type(strings.ToUpper(name))
	_, ok := parents[t]
	return t, ok
}

// Types returns every name that can be subscribed to, sorted.
func Types() []Type {
	all := make([]Type, 0, len(parents))
	for t := range parents {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}

// Means reports whether who subscribed to t hears of an event of type e.
func (t Type) Means(e Type) bool {
	for ; e != ""; e = parents[e] {
		if e == t {
			return true
		}
	}
	return false
}
