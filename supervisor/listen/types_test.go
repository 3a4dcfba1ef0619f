package listen

import (
	"slices"
	"testing"
)

// eventTypes are supervisord 4.2.5's (EventTypes in its events.py).
var eventTypes = []Type{
	"EVENT", "PROCESS_STATE", "PROCESS_STATE_STOPPED", "PROCESS_STATE_EXITED", "PROCESS_STATE_STARTING",
	"PROCESS_STATE_STOPPING", "PROCESS_STATE_BACKOFF", "PROCESS_STATE_FATAL", "PROCESS_STATE_RUNNING",
	"PROCESS_STATE_UNKNOWN", "PROCESS_COMMUNICATION", "PROCESS_COMMUNICATION_STDOUT",
	"PROCESS_COMMUNICATION_STDERR", "PROCESS_LOG", "PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR",
	"REMOTE_COMMUNICATION", "SUPERVISOR_STATE_CHANGE", "SUPERVISOR_STATE_CHANGE_RUNNING",
	"SUPERVISOR_STATE_CHANGE_STOPPING", "TICK", "TICK_5", "TICK_60", "TICK_3600",
	"PROCESS_GROUP", "PROCESS_GROUP_ADDED", "PROCESS_GROUP_REMOVED",
}

func TestTypesAreSupervisords(t *testing.T) {
	slices.Sort(eventTypes)
	var ours []Type
	for _, have := range Types() {
		if !Bulkhead.Means(have) {
			ours = append(ours, have)
			if !Any.Means(have) {
				t.Errorf("EVENT does not mean %s", have)
			}
		} else if Any.Means(have) {
			t.Errorf("EVENT means %s, which no listener of supervisord knows", have)
		}
	}
	if !slices.Equal(ours, eventTypes) {
		t.Errorf("got %v, want %v", ours, eventTypes)
	}
}

func TestMeans(t *testing.T) {
	for _, c := range []struct {
		subscribed, event Type
		want              bool
	}{
		{ProcessState, ProcessFatal, true},
		{ProcessFatal, ProcessFatal, true},
		{ProcessFatal, ProcessExited, false},
		{ProcessExited, ProcessState, false},
		{Tick, Tick60, true},
		{Tick60, Tick, false},
		{ProcessLog, CommunicationStdout, false},
		{Any, RemoteCommunication, true},
		{Bulkhead, Recycled, true},
		{Bulkhead, Tick5, false},
		{Any, OOMKilled, false},
		{"", Tick5, false},
	} {
		if got := c.subscribed.Means(c.event); got != c.want {
			t.Errorf("%q means %s: got %v", c.subscribed, c.event, got)
		}
	}
}

func TestParse(t *testing.T) {
	if got, ok := Parse("tick_5"); !ok || got != Tick5 {
		t.Errorf("got %q, %v", got, ok)
	}
	for _, bad := range []string{"", "TICK_6", "TICK_5 "} {
		if _, ok := Parse(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
