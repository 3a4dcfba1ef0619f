package listen

import (
	"fmt"
	"strings"
	"testing"
)

// TestPayloads are supervisord's (4.2.5, events.py), to the letter.
func TestPayloads(t *testing.T) {
	p := Process{"cat_00", "cat", 7}
	for _, c := range []struct {
		e    Event
		want string
	}{
		{State(p, "STOPPED", "STARTING", 2, false), "PROCESS_STATE_STARTING|processname:cat_00 groupname:cat from_state:STOPPED tries:2"},
		{State(p, "STARTING", "BACKOFF", 1, false), "PROCESS_STATE_BACKOFF|processname:cat_00 groupname:cat from_state:STARTING tries:1"},
		{State(p, "STARTING", "RUNNING", 0, false), "PROCESS_STATE_RUNNING|processname:cat_00 groupname:cat from_state:STARTING pid:7"},
		{State(p, "RUNNING", "EXITED", 0, true), "PROCESS_STATE_EXITED|processname:cat_00 groupname:cat from_state:RUNNING expected:1 pid:7"},
		{State(p, "RUNNING", "EXITED", 0, false), "PROCESS_STATE_EXITED|processname:cat_00 groupname:cat from_state:RUNNING expected:0 pid:7"},
		{State(p, "STOPPING", "STOPPED", 0, false), "PROCESS_STATE_STOPPED|processname:cat_00 groupname:cat from_state:STOPPING pid:7"},
		{State(p, "BACKOFF", "FATAL", 4, false), "PROCESS_STATE_FATAL|processname:cat_00 groupname:cat from_state:BACKOFF"},
		{Log(p, "stdout", []byte("hé\n")), "PROCESS_LOG_STDOUT|processname:cat_00 groupname:cat pid:7 channel:stdout\nhé\n"},
		{Log(p, "stderr", []byte("\xff'\n")), "PROCESS_LOG_STDERR|processname:cat_00 groupname:cat pid:7 channel:stderr\nUndecodable: b'\\xff\\'\\n'"},
		{Communication(p, "stdout", []byte("x")), "PROCESS_COMMUNICATION_STDOUT|processname:cat_00 groupname:cat pid:7\nx"},
		{Remote("kind", "data"), "REMOTE_COMMUNICATION|type:kind\ndata"},
		{Group("cat", true), "PROCESS_GROUP_ADDED|groupname:cat\n"},
		{Group("cat", false), "PROCESS_GROUP_REMOVED|groupname:cat\n"},
		{End(OOMKilled, p, "oom_killed", "memory_max"), "BULKHEAD_OOM_KILLED|processname:cat_00 groupname:cat pid:7 kind:oom_killed\nmemory_max"},
	} {
		if got := string(c.e.Type) + "|" + c.e.Payload; got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// TestEnvelopeCountsCharacters: "Malmö" is five, as supervisord's listeners read it.
func TestEnvelopeCountsCharacters(t *testing.T) {
	got := string(envelope("supervisor", 3, "p", 1, Event{RemoteCommunication, "Malmö"}))
	if want := "ver:3.0 server:supervisor serial:3 pool:p poolserial:1 eventname:REMOTE_COMMUNICATION len:5\nMalmö"; got != want {
		t.Errorf("%q", got)
	}
}

func TestTypes(t *testing.T) {
	for _, typ := range All {
		if !Known(string(typ)) || !matches(string(typ), typ) || matches("EVENT", typ) == typ.Ours() || matches("BULKHEAD", typ) != typ.Ours() {
			t.Errorf("%s", typ)
		}
	}
	for _, c := range []struct {
		sub  string
		t    Type
		want bool
	}{
		{"PROCESS_STATE", ProcessStateExited, true}, {"PROCESS_STATE", ProcessLogStdout, false}, {"PROCESS_GROUP", ProcessGroupAdded, true},
		{"TICK", Tick3600, true}, {"TICK_5", Tick60, false}, {"PROCESS", ProcessStateExited, false}, {"PROCESS_STATE_E", ProcessStateExited, false},
	} {
		if got := matches(c.sub, c.t); got != c.want {
			t.Errorf("%s, %s: %v", c.sub, c.t, got)
		}
	}
	if Known("PROCESS") || Known("") || len(Names()) != len(All)+len(abstract) {
		t.Error("names")
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		before, now int64
		want        string
	}{
		{0, 7200, ""}, {1, 4, ""}, {4, 5, "TICK_5 when:5"}, {5, 9, ""}, {59, 61, "TICK_5 when:60, TICK_60 when:60"},
		{3599, 3600, "TICK_5 when:3600, TICK_60 when:3600, TICK_3600 when:3600"}, {100, 99, "TICK_5 when:95"},
	} {
		var got []string
		for _, e := range Ticks(c.before, c.now) {
			got = append(got, fmt.Sprintf("%s %s", e.Type, e.Payload))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%d to %d: %q, want %q", c.before, c.now, s, c.want)
		}
	}
	for now, want := range map[int64]int64{0: 5, 4: 5, 5: 10, 61: 65} {
		if got := NextTick(now); got != want {
			t.Errorf("after %d: %d", now, got)
		}
	}
}

// FuzzListener: whatever a listener prints, it is understood or confused, and what it
// is not understood by is bounded.
func FuzzListener(f *testing.F) {
	f.Add([]byte("READY\nRESULT 2\nOKREADY\n"), uint8(3))
	f.Add([]byte("READY\nRESULT 4\nFAIL"), uint8(1))
	f.Add([]byte("READY\nRESULT -1\n\n"), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		b := &Board{}
		b.Subscribe("p", []string{"EVENT"}, 3)
		m := Member{"a", 1}
		b.Born("p", m)
		b.Up("s", "p", m, 1)
		for i := range 4 {
			b.Notify("s", Event{Tick5, fmt.Sprint(i)}, 1)
		}
		for len(text) > 0 {
			n := min(int(cut)+1, len(text))
			b.Heard("s", "p", m, text[:n], 1)
			text = text[n:]
		}
		v := b.Pools[0].Members[0].Voice
		if len(v.Heard) > resultMost+lineMost+256 || v.Phase > Unknown {
			t.Fatalf("%v with %d bytes not understood", v.Phase, len(v.Heard))
		}
		b.Gone("s", "p", m, 1)
		if len(b.Pools[0].Members) != 0 || b.Pools[0].Members == nil && len(b.Pools[0].Queue) > 4 {
			t.Fatal("it is still there")
		}
	})
}
