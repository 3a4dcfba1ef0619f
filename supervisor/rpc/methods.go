package rpc

import "context"

// method is one of the interface. Its signature, its help and the check of its
// arguments are all read from here.
type method struct {
	returns string
	params  []param
	help    string
	call    func(ctx context.Context, i *Interface, a arguments) (any, error)
	always  bool // answers while the supervisor shuts down, too
}

type param struct {
	kind     string // string, int, boolean, array
	name     string
	help     string
	optional bool
}

var (
	byName   = param{"string", "name", "the instance: name, or group:name", false}
	byGroup  = param{"string", "name", "the group", false}
	andWait  = param{"boolean", "wait", "answer when it is done, not when it has begun", true}
	bySignal = param{"string", "signal", "its name (HUP) or its number (1)", false}
	atOffset = param{"int", "offset", "where to begin", false}
	ofLength = param{"int", "length", "how many bytes", false}
)

// methods are all of the supervisor namespace, by name.
var methods = map[string]method{
	"getAPIVersion":        {returns: "string", help: "Return the version of this interface.", call: getAPIVersion},
	"getSupervisorVersion": {returns: "string", help: "Return the version of supervisord whose interface this is.", call: getSupervisorVersion},
	"getIdentification":    {returns: "string", help: "Return the name that the supervisor was given.", call: getIdentification},
	"getState":             {returns: "struct", help: "Return the supervisor's own state: statecode and statename.", call: getState},
	"getPID":               {returns: "int", help: "Return the supervisor's process id.", call: getPID},
	"shutdown":             {returns: "boolean", help: "Stop every program and end.", call: shutdown},
	"restart":              {returns: "boolean", help: "Execute the supervisor's binary anew and apply the config. Programs run on.", call: restart},

	"reloadConfig": {returns: "array", help: "Read the config again; return the groups [[added, changed, removed]].", call: reloadConfig},
	"addProcessGroup": {returns: "boolean", help: "Take a group of the config that was read last into service.", call: addProcessGroup,
		params: []param{byGroup}},
	"removeProcessGroup": {returns: "boolean", help: "Forget a group that is stopped.", call: removeProcessGroup, params: []param{byGroup}},
	"getAllConfigInfo":   {returns: "array", help: "Return the config of every instance.", call: getAllConfigInfo},

	"getProcessInfo":    {returns: "struct", help: "Return the state of an instance.", call: getProcessInfo, params: []param{byName}},
	"getAllProcessInfo": {returns: "array", help: "Return the state of every instance.", call: getAllProcessInfo},

	"startProcess":         {returns: "boolean", help: "Start an instance.", call: startProcess, params: []param{byName, andWait}},
	"startProcessGroup":    {returns: "array", help: "Start those of a group that do not run.", call: startProcessGroup, params: []param{byGroup, andWait}},
	"startAllProcesses":    {returns: "array", help: "Start every instance that does not run.", call: startAllProcesses, params: []param{andWait}},
	"stopProcess":          {returns: "boolean", help: "Stop an instance.", call: stopProcess, params: []param{byName, andWait}},
	"stopProcessGroup":     {returns: "array", help: "Stop those of a group that run.", call: stopProcessGroup, params: []param{byGroup, andWait}},
	"stopAllProcesses":     {returns: "array", help: "Stop every instance that runs.", call: stopAllProcesses, params: []param{andWait}},
	"signalProcess":        {returns: "boolean", help: "Send a signal to an instance.", call: signalProcess, params: []param{byName, bySignal}},
	"signalProcessGroup":   {returns: "array", help: "Send a signal to those of a group that run.", call: signalProcessGroup, params: []param{byGroup, bySignal}},
	"signalAllProcesses":   {returns: "array", help: "Send a signal to every instance that runs.", call: signalAllProcesses, params: []param{bySignal}},
	"sendProcessStdin":     {returns: "boolean", help: "Write to the standard input of an instance.", call: sendProcessStdin, params: []param{byName, {"string", "chars", "what to write", false}}},
	"readLog":              {returns: "string", help: "Return a part of the main log.", call: readLog, params: []param{atOffset, ofLength}},
	"clearLog":             {returns: "boolean", help: "Empty the main log.", call: clearLog},
	"readProcessStdoutLog": {returns: "string", help: "Return a part of an instance's stdout log.", call: readStdout, params: []param{byName, atOffset, ofLength}},
	"readProcessStderrLog": {returns: "string", help: "Return a part of an instance's stderr log.", call: readStderr, params: []param{byName, atOffset, ofLength}},
	"tailProcessStdoutLog": {returns: "array", help: "Return the end of an instance's stdout log: [text, offset of its end, whether something was left out].", call: tailStdout,
		params: []param{byName, atOffset, ofLength}},
	"tailProcessStderrLog": {returns: "array", help: "Return the end of an instance's stderr log: [text, offset of its end, whether something was left out].", call: tailStderr,
		params: []param{byName, atOffset, ofLength}},
	"clearProcessLogs":    {returns: "boolean", help: "Empty the logs of an instance.", call: clearProcessLogs, params: []param{byName}},
	"clearAllProcessLogs": {returns: "array", help: "Empty the logs of every instance.", call: clearAllProcessLogs},
	"sendRemoteCommEvent": {returns: "boolean", help: "Tell the event listeners of a REMOTE_COMMUNICATION.", call: sendRemoteCommEvent, always: true,
		params: []param{{"string", "type", "of the event", false}, {"string", "data", "its body", false}}},
}

// own are bulkhead's own, in a namespace of that name: what supervisord has no word for.
var own = map[string]method{
	"updateProcessGroup": {returns: "boolean", help: "Read the config again and apply what it changes of a group. What did not change runs on.",
		call: updateProcessGroup, params: []param{byGroup}},
}

// aliases are names from before supervisord 3.0 that clients still use.
var aliases = map[string]string{
	"getVersion": "getAPIVersion", "readMainLog": "readLog", "readProcessLog": "readProcessStdoutLog",
	"tailProcessLog": "tailProcessStdoutLog", "clearProcessLog": "clearProcessLogs",
}

func init() {
	for alias, name := range aliases {
		methods[alias] = methods[name]
	}
}
