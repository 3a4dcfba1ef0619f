package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

// Real output of each client, a line that runs and one that does not.
func TestRunning(t *testing.T) {
	for _, c := range []struct {
		peer     peer
		yes, not string
	}{
		{bulkhead{}, "w:w_00                           RUNNING   pid 160, uptime 0:01:30, mem 41M/64M", "w:w_01                           STOPPED   Nov 21 02:52 AM"},
		{supervisord{}, "w:w_0                            RUNNING   pid 5063, uptime 0:00:04", "w:w_1                            STARTING  "},
		{s6{}, "up (pid 5063) 4 seconds", "down (signal SIGTERM) 3 seconds, normally up"},
		{runit{}, "run: scan/w0: (pid 5063) 4s", "down: scan/w0: 3s, normally up, want up"},
	} {
		if !c.peer.running(c.yes) || c.peer.running(c.not) {
			t.Errorf("%s: %q, %q", c.peer.name(), c.yes, c.not)
		}
		s := &session{peer: c.peer}
		if n := s.count([]byte(c.yes + "\n" + c.not + "\n" + c.yes + "\n")); n != 2 {
			t.Errorf("%s: %d of 2 run", c.peer.name(), n)
		}
	}
}

func TestDecode(t *testing.T) {
	var b bytes.Buffer
	for _, v := range []int64{-70, 123456} {
		if err := binary.Write(&b, binary.NativeEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	if got := decode(b.Bytes()); got != (word{pid: 70, done: true, at: 123456}) {
		t.Errorf("%+v", got)
	}
	if got := moment(5_000_000).since(2_000_000); got != 3*time.Millisecond {
		t.Errorf("%v", got)
	}
	if got := last([]word{{at: 3}, {at: 9}, {at: 4}}); got != 9 {
		t.Errorf("last at %d", got)
	}
}

func TestTurned(t *testing.T) {
	all := []int{1, 2, 3}
	for round, want := range [][]int{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}, {1, 2, 3}} {
		if got := turned(all, round); !slices.Equal(got, want) {
			t.Errorf("round %d: %v", round, got)
		}
	}
	if got := turned([]int(nil), 2); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestUsageSince(t *testing.T) {
	type one = struct {
		cpu   time.Duration
		waits int64
	}
	before := usage{1: one{5, 10}, 2: one{1, 1}}
	after := usage{1: one{8, 14}, 3: one{2, 2}} // 2 has ended, 3 is new
	if cpu, waits := after.since(before); cpu != 5 || waits != 6 {
		t.Errorf("%v, %d", cpu, waits)
	}
}
