package rpc_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bulkhead/supervisor/rpc"
	"bulkhead/supervisor/xmlrpc"
)

// show is a value in a line: structs without the names that are always there.
func show(v any) string {
	switch v := v.(type) {
	case xmlrpc.Array:
		parts := []string{}
		for _, one := range v {
			parts = append(parts, show(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case xmlrpc.Struct:
		parts := []string{}
		for _, m := range v {
			parts = append(parts, m.Name+"="+show(m.Value))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

func call(t *testing.T, i *rpc.Interface, method string, args ...any) string {
	t.Helper()
	v, err := i.Call(t.Context(), xmlrpc.Call{Method: method, Params: args})
	var f *xmlrpc.Fault
	if errors.As(err, &f) {
		return fmt.Sprintf("%d %s", f.Code, f.String)
	}
	var b bytes.Buffer
	if err := xmlrpc.EncodeResult(&b, v); err != nil {
		t.Errorf("%s: %v", method, err)
	}
	return show(v)
}

// What a method answers, on a fresh supervisor each. The faults' texts are supervisord's.
func TestCalls(t *testing.T) {
	const q0, q1 = `{name="q_00" group="q" status=80 description="OK"}`, `{name="q_01" group="q" status=80 description="OK"}`
	const gone = `{name="gone" group="gone" status=20 description="NO_FILE: can't find command 'gone'"}`
	const dies = `{name="dies" group="dies" status=50 description="SPAWN_ERROR: dies"}`
	const fatal = `{name="fatal" group="fatal" status=80 description="OK"}`
	for _, c := range []struct {
		method string
		args   []any
		want   string
	}{
		{"supervisor.getAPIVersion", nil, `"3.0"`},
		{"supervisor.getVersion", nil, `"3.0"`},
		{"supervisor.getSupervisorVersion", nil, `"4.2.5"`},
		{"supervisor.getIdentification", nil, `"fake"`},
		{"supervisor.getState", nil, `{statecode=1 statename="RUNNING"}`},
		{"supervisor.getPID", nil, `99`},
		{"supervisor.shutdown", nil, `true`},
		{"supervisor.restart", nil, `30 FAILED: the binary is gone`},
		{"supervisor.reloadConfig", nil, `[[["new"], ["cat"], []]]`},
		{"supervisor.addProcessGroup", []any{"cat"}, `90 ALREADY_ADDED: cat`},
		{"supervisor.removeProcessGroup", []any{"cat"}, `91 STILL_RUNNING: cat`},
		{"supervisor.removeProcessGroup", []any{"gone"}, `true`},
		{"supervisor.startProcess", []any{"nope"}, `10 BAD_NAME: nope`},
		{"supervisor.startProcess", []any{"nope:*"}, `10 BAD_NAME: nope:*`},
		{"supervisor.startProcess", []any{"cat:x"}, `10 BAD_NAME: cat:x`},
		{"supervisor.startProcess", []any{"gone"}, `20 NO_FILE: can't find command 'gone'`},
		{"supervisor.startProcess", []any{"cat"}, `60 ALREADY_STARTED: cat`},
		{"supervisor.startProcess", []any{"cat:cat"}, `60 ALREADY_STARTED: cat:cat`},
		{"supervisor.startProcess", []any{"dies", false}, `50 SPAWN_ERROR: dies`},
		{"supervisor.startProcess", []any{"q:q_00"}, `true`},
		{"supervisor.startProcess", []any{"q:*"}, "[" + q1 + ", " + q0 + "]"}, // by priority
		{"supervisor.startProcess", nil, `2 INCORRECT_PARAMETERS`},
		{"supervisor.startProcess", []any{"a", true, 1}, `2 INCORRECT_PARAMETERS`},
		{"supervisor.startProcess", []any{1}, `2 INCORRECT_PARAMETERS`},
		{"supervisor.startProcessGroup", []any{"q", 1}, "[" + q1 + ", " + q0 + "]"},
		{"supervisor.startProcessGroup", []any{"empty"}, `[]`},
		{"supervisor.startProcessGroup", []any{"cat"}, `[]`},
		{"supervisor.startProcessGroup", []any{"nope"}, `10 BAD_NAME: nope`},
		{"supervisor.startAllProcesses", nil, "[" + strings.Join([]string{gone, dies, fatal, q1, q0}, ", ") + "]"},
		{"supervisor.startAllProcesses", []any{false}, "[" + strings.Join([]string{dies, fatal, gone, q1, q0}, ", ") + "]"},
		{"supervisor.stopProcess", []any{"q:q_00"}, `70 NOT_RUNNING: q:q_00`},
		{"supervisor.stopProcess", []any{"cat", true}, `true`},
		{"supervisor.stopProcess", []any{"q:"}, `[]`},
		{"supervisor.stopAllProcesses", nil, `[{name="cat" group="cat" status=80 description="OK"}]`},
		{"supervisor.signalProcess", []any{"cat", 1}, `true`},
		{"supervisor.signalProcess", []any{"cat", "NOPE"}, `11 BAD_SIGNAL: NOPE`},
		{"supervisor.signalProcess", []any{"q:q_00", "HUP"}, `70 NOT_RUNNING: q:q_00`},
		{"supervisor.signalProcess", []any{"q:*", "HUP"}, `[]`},
		{"supervisor.signalAllProcesses", []any{"HUP"}, `[{name="cat" group="cat" status=80 description="OK"}]`},
		{"supervisor.getProcessInfo", []any{"q:*"}, `10 BAD_NAME: q:*`},
		{"supervisor.readLog", []any{0, 0}, `"hello\n"`},
		{"supervisor.readMainLog", []any{-3, 0}, `"lo\n"`},
		{"supervisor.readProcessLog", []any{"cat", 1, 3}, `"ell"`},
		{"supervisor.readProcessStdoutLog", []any{"cat", -1, 1}, `3 BAD_ARGUMENTS`},
		{"supervisor.readProcessStderrLog", []any{"cat", 0, 0}, `20 NO_FILE`},
		{"supervisor.readProcessStdoutLog", []any{"cat", "x", 0}, `2 INCORRECT_PARAMETERS`},
		{"supervisor.tailProcessLog", []any{"cat", 0, 3}, `["lo\n", 6, true]`},
		{"supervisor.tailProcessStderrLog", []any{"cat", 0, 3}, `["", 0, false]`},
		{"supervisor.clearLog", nil, `true`},
		{"supervisor.clearProcessLog", []any{"cat"}, `true`},
		{"supervisor.clearProcessLogs", []any{"q:*"}, `10 BAD_NAME: q:*`},
		{"supervisor.sendProcessStdin", []any{"cat", "a\n"}, `true`},
		{"supervisor.sendProcessStdin", []any{"q:q_00", "a"}, `70 NOT_RUNNING: q:q_00`},
		{"supervisor.sendProcessStdin", []any{"cat", 1}, `2 INCORRECT_PARAMETERS`},
		{"supervisor.sendRemoteCommEvent", []any{"a", "b"}, `true`},
		{"supervisor._update", []any{"a"}, `1 UNKNOWN_METHOD`},
		{"supervisor.nope", nil, `1 UNKNOWN_METHOD`},
		{"supervisor", nil, `1 UNKNOWN_METHOD`},
		{"supervisor.getState.x", nil, `1 UNKNOWN_METHOD`},
		{"other.getState", nil, `1 UNKNOWN_METHOD`},
		{"system.methodSignature", []any{"supervisor.startProcess"}, `["boolean", "string", "boolean"]`},
		{"system.methodSignature", []any{"nope"}, `4 SIGNATURE_UNSUPPORTED`},
		{"system.methodHelp", []any{"nope"}, `4 SIGNATURE_UNSUPPORTED`},
		{"system.multicall", []any{xmlrpc.Array{
			xmlrpc.Struct{{Name: "methodName", Value: "supervisor.getPID"}},
			xmlrpc.Struct{{Name: "methodName", Value: "supervisor.startProcess"}, {Name: "params", Value: xmlrpc.Array{"nope"}}},
			xmlrpc.Struct{{Name: "methodName", Value: "system.multicall"}},
			xmlrpc.Struct{},
		}}, `[99, {faultCode=10 faultString="BAD_NAME: nope"}, {faultCode=2 faultString="INCORRECT_PARAMETERS: Recursive system.multicall forbidden"}, ` +
			`{faultCode=2 faultString="INCORRECT_PARAMETERS: No methodName"}]`},
		{"system.multicall", nil, `2 INCORRECT_PARAMETERS`},
	} {
		if got := call(t, rpc.New(newFake(t)), c.method, c.args...); got != c.want {
			t.Errorf("%s(%v):\ngot  %s\nwant %s", c.method, c.args, got, c.want)
		}
	}
}

func TestProcessInfo(t *testing.T) {
	i := rpc.New(newFake(t))
	const want = `{name="fatal" group="fatal" start=1700000000 stop=1700000000 now=1700000600 state=200 statename="FATAL" ` +
		`spawnerr="Exited too quickly (process log may have details)" exitstatus=0 logfile="" stdout_logfile="" stderr_logfile="" pid=0 ` +
		`description="Exited too quickly (process log may have details)"}`
	if got := call(t, i, "supervisor.getProcessInfo", "fatal"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConfigInfo(t *testing.T) {
	i := rpc.New(newFake(t))
	const want = `[{autostart=true directory="/tmp" uid=1000 command="cat" exitcodes=[] group="cat" group_prio=0 inuse=true killasgroup=false name="cat" ` +
		`process_prio=0 redirect_stderr=false startretries=0 startsecs=1 stdout_capture_maxbytes=0 stdout_events_enabled=false stdout_logfile="none" ` +
		`stdout_logfile_backups=0 stdout_logfile_maxbytes=0 stdout_syslog=false stopsignal=0 stopwaitsecs=0 stderr_capture_maxbytes=0 ` +
		`stderr_events_enabled=false stderr_logfile="none" stderr_logfile_backups=0 stderr_logfile_maxbytes=0 stderr_syslog=false serverurl="none"}, {`
	got := call(t, i, "supervisor.getAllConfigInfo")
	if !strings.HasPrefix(got, want) || !strings.Contains(got, `stdout_logfile="auto"`) || !strings.Contains(got, `uid="none"`) || !strings.Contains(got, "exitcodes=[0, 2]") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nothing of the supervisor answers while it shuts down, but for the events; system does.
func TestShuttingDown(t *testing.T) {
	f := newFake(t)
	f.state = rpc.Shutdown
	i := rpc.New(f)
	for method, want := range map[string]string{
		"supervisor.getState":            "6 SHUTDOWN_STATE",
		"supervisor.startAllProcesses":   "6 SHUTDOWN_STATE",
		"supervisor.sendRemoteCommEvent": "true",
	} {
		args := []any{}
		if method == "supervisor.sendRemoteCommEvent" {
			args = []any{"a", "b"}
		}
		if got := call(t, i, method, args...); got != want {
			t.Errorf("%s: got %s, want %s", method, got, want)
		}
	}
	if got := call(t, i, "system.listMethods"); strings.HasPrefix(got, "6") {
		t.Errorf("system.listMethods: got %s", got)
	}
}

// Those that have not begun are told apart from those that are told to begin.
func TestWhoIsStarted(t *testing.T) {
	f := newFake(t)
	call(t, rpc.New(f), "supervisor.startAllProcesses", true)
	if want := []string{"start dies fatal q:q_01 q:q_00 true"}; !slices.Equal(f.heard(), want) {
		t.Errorf("told %q, want %q", f.heard(), want)
	}
}
