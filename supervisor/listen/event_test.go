package listen

import (
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	p := Process{Name: "w_00", Group: "w", PID: 7}
	change := func(from, to string) Event {
		return Change{Process: p, From: from, To: to, Tries: 2, Expected: true}.Event()
	}
	for _, c := range []struct {
		got     Event
		typ     Type
		payload string
	}{
		{change("STOPPED", "STARTING"), ProcessStarting, "processname:w_00 groupname:w from_state:STOPPED tries:2"},
		{change("STARTING", "BACKOFF"), ProcessBackoff, "processname:w_00 groupname:w from_state:STARTING tries:2"},
		{change("STARTING", "RUNNING"), ProcessRunning, "processname:w_00 groupname:w from_state:STARTING pid:7"},
		{change("RUNNING", "STOPPING"), ProcessStopping, "processname:w_00 groupname:w from_state:RUNNING pid:7"},
		{change("STOPPING", "STOPPED"), ProcessStopped, "processname:w_00 groupname:w from_state:STOPPING pid:7"},
		{change("RUNNING", "EXITED"), ProcessExited, "processname:w_00 groupname:w from_state:RUNNING expected:1 pid:7"},
		{Change{Process: p, From: "RUNNING", To: "EXITED"}.Event(), ProcessExited, "processname:w_00 groupname:w from_state:RUNNING expected:0 pid:7"},
		{change("BACKOFF", "FATAL"), ProcessFatal, "processname:w_00 groupname:w from_state:BACKOFF"},
		{change("STOPPING", "UNKNOWN"), ProcessUnknown, "processname:w_00 groupname:w from_state:STOPPING"},
		{Log(p, "stdout", []byte("a\nb\n")), LogStdout, "processname:w_00 groupname:w pid:7 channel:stdout\na\nb\n"},
		{Log(p, "stderr", []byte("\xff'\n")), LogStderr, "processname:w_00 groupname:w pid:7 channel:stderr\nUndecodable: b\"\\xff'\\n\""},
		{Communication(p, "stdout", []byte("x")), CommunicationStdout, "processname:w_00 groupname:w pid:7\nx"},
		{Communication(p, "stderr", []byte("\xff\t\r\\'\"~\x7f")), CommunicationStderr, `processname:w_00 groupname:w pid:7` + "\n" + `Undecodable: b'\xff\t\r\\\'"~\x7f'`},
		{Remote("t", "d"), RemoteCommunication, "type:t\nd"},
		{Supervisor(SupervisorRunning), SupervisorRunning, ""},
		{Group(GroupAdded, "g"), GroupAdded, "groupname:g\n"},
		{Own(Recycled, p, "reason", "max jobs: 5"), Recycled, "processname:w_00 groupname:w pid:7 reason:max_jobs__5"},
		{Own(HostPressure, Process{}, "level", "high"), HostPressure, "level:high"},
	} {
		if c.got.Type != c.typ || c.got.Payload != c.payload {
			t.Errorf("got %s %q,\nwant %s %q", c.got.Type, c.got.Payload, c.typ, c.payload)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		last, now int64
		want      []Event
	}{
		{100, 100, nil},
		{100, 104, nil},
		{104, 105, []Event{{Tick5, "when:105"}}},
		{104, 117, []Event{{Tick5, "when:115"}}}, // one, however late
		{119, 121, []Event{{Tick5, "when:120"}, {Tick60, "when:120"}}},
		{3599, 3600, []Event{{Tick5, "when:3600"}, {Tick60, "when:3600"}, {Tick3600, "when:3600"}}},
		{3600, 3599, []Event{{Tick5, "when:3595"}, {Tick60, "when:3540"}, {Tick3600, "when:0"}}},
		{-1, 0, []Event{{Tick5, "when:0"}, {Tick60, "when:0"}, {Tick3600, "when:0"}}},
	} {
		got := Ticks(time.Unix(c.last, 5), time.Unix(c.now, 0))
		if len(got) != len(c.want) {
			t.Errorf("%d to %d: got %v, want %v", c.last, c.now, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%d to %d: got %v, want %v", c.last, c.now, got, c.want)
			}
		}
	}
	if got := NextTick(time.Unix(104, 9)); !got.Equal(time.Unix(105, 0)) {
		t.Errorf("the next tick is at %v", got)
	}
	if got := NextTick(time.Unix(105, 0)); !got.Equal(time.Unix(110, 0)) {
		t.Errorf("the next tick is at %v", got)
	}
}
