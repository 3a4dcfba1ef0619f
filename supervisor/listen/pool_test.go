package listen

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// bench is a hub with one pool of members that are RUNNING and READY.
func bench(size int, members ...string) (*Hub, *Pool) {
	p := &Pool{Name: "p", Events: []Type{Tick, RemoteCommunication}, Size: size}
	h := &Hub{Server: "supervisor"}
	h.Add(p)
	for _, name := range members {
		p.Join(name)
		p.Run(0, name, true)
		p.Read(0, name, []byte("READY\n"))
	}
	return h, p
}

func remote(data string) Event { return Remote("t", data) }

// sends are the actions in short: who gets which serial.
func sends(out []Action) []string {
	var all []string
	for _, a := range out {
		if s, ok := a.(Send); ok {
			head, _, _ := strings.Cut(string(s.Data), "\n")
			all = append(all, s.Member+" "+strings.Fields(head)[2])
		}
	}
	return all
}

func notes(out []Action, level Level) []string {
	var all []string
	for _, a := range out {
		if n, ok := a.(Note); ok && n.Level == level {
			all = append(all, n.Text)
		}
	}
	return all
}

func wantSends(t *testing.T, out []Action, want ...string) {
	t.Helper()
	if got := sends(out); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const (
	okAndReady   = "RESULT 2\nOKREADY\n"
	failAndReady = "RESULT 4\nFAILREADY\n"
)

func TestEnvelope(t *testing.T) {
	h, _ := bench(10, "a")
	h.Serial = 21
	out := h.Offer(0, remote("Malmö"))
	want := "ver:3.0 server:supervisor serial:21 pool:p poolserial:0 eventname:REMOTE_COMMUNICATION len:12\ntype:t\nMalmö"
	if got := string(out[0].(Send).Data); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSerials(t *testing.T) {
	h, p := bench(10)
	q := &Pool{Name: "q", Events: []Type{Any}, Size: 10}
	h.Add(q)
	for _, e := range []Event{remote("0"), Supervisor(SupervisorRunning), Own(Recycled, Process{}), remote("1")} {
		h.Offer(0, e)
	}
	serials := func(p *Pool) (all []uint64) {
		for _, e := range p.Buffer {
			all = append(all, e.Serial, e.PoolSerial)
		}
		return all
	}
	if got := serials(p); !slices.Equal(got, []uint64{0, 0, 2, 1}) {
		t.Errorf("p has %v", got)
	}
	if got := serials(q); !slices.Equal(got, []uint64{0, 0, 1, 1, 2, 2}) {
		t.Errorf("q has %v: an event that nobody wants must have no serial", got)
	}
	if h.Wanted(Recycled) || !h.Wanted(Tick5) {
		t.Error("the hub does not know what is wanted")
	}
	h.Remove("q")
	if h.Pool("q") != nil || h.Pool("p") != p {
		t.Error("the wrong pool was removed")
	}
}

func TestOneEventOneListener(t *testing.T) {
	h, p := bench(10, "a", "b")
	wantSends(t, h.Offer(0, remote("0")), "a serial:0")
	wantSends(t, h.Offer(0, remote("1")), "b serial:1")
	wantSends(t, h.Offer(0, remote("2")))
	wantSends(t, h.Offer(0, remote("3")))
	wantSends(t, p.Read(0, "b", []byte(okAndReady)), "b serial:2")
	wantSends(t, p.Read(0, "a", []byte("RESULT 2\nOK")))
	wantSends(t, p.Read(0, "a", []byte("READY\n")), "a serial:3")
}

func TestOnlyRunningOnesAreTold(t *testing.T) {
	h, p := bench(10)
	p.Join("a")
	h.Offer(0, remote("0"))
	wantSends(t, p.Read(0, "a", []byte("READY\n")))
	wantSends(t, p.Run(0, "a", true), "a serial:0")
	p.Run(0, "a", false)
	wantSends(t, p.Read(0, "a", []byte(okAndReady)))
	wantSends(t, h.Offer(0, remote("1")))
}

func TestOverflow(t *testing.T) {
	h, p := bench(2)
	for _, data := range []string{"0", "1"} {
		if out := h.Offer(0, remote(data)); len(out) != 0 {
			t.Errorf("got %v", out)
		}
	}
	want := []string{"pool p event buffer overflowed, discarding event 0"}
	if got := notes(h.Offer(0, remote("2")), Error); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Join("a")
	p.Run(0, "a", true)
	wantSends(t, p.Read(0, "a", []byte("READY\n")), "a serial:1")
}

func TestRejectedGoesToAnother(t *testing.T) {
	h, p := bench(10, "a", "b")
	h.Offer(0, remote("0"))
	out := p.Read(0, "a", []byte(failAndReady))
	wantSends(t, out, "b serial:0")
	if got := notes(out, Warn); !slices.Equal(got, []string{"a: event was rejected"}) {
		t.Errorf("got %q", got)
	}
	// Both have failed: nobody gets it before the pause is over.
	wantSends(t, p.Read(time.Millisecond, "b", []byte(failAndReady)))
	at, ok := h.Deadline(time.Millisecond)
	if !ok || at != RedeliveryPause {
		t.Errorf("the deadline is %v, %v", at, ok)
	}
	wantSends(t, h.Wake(at-1))
	wantSends(t, h.Wake(at), "a serial:0")
	if at, ok := h.Deadline(at); ok {
		t.Errorf("with nothing waiting the deadline is %v", at)
	}
}

func TestRejectedGoesFirst(t *testing.T) {
	h, p := bench(10, "a")
	for _, data := range []string{"0", "1", "2"} {
		h.Offer(0, remote(data))
	}
	p.Read(0, "a", []byte(failAndReady))
	wantSends(t, h.Wake(RedeliveryPause), "a serial:0")
	wantSends(t, p.Read(RedeliveryPause, "a", []byte(okAndReady)), "a serial:1")
}

func TestRejectedStaysInItsPool(t *testing.T) {
	h, p := bench(10, "a")
	q := &Pool{Name: "q", Events: []Type{ProcessFatal}, Size: 10}
	q.Join("b")
	q.Run(0, "b", true)
	q.Read(0, "b", []byte("READY\n"))
	h.Add(q)
	h.Offer(0, Event{Tick5, "when:5"})
	for _, out := range [][]Action{p.Read(0, "a", []byte(failAndReady)), h.Wake(0)} {
		wantSends(t, out)
	}
	if len(q.Buffer) != 0 {
		t.Error("the other pool has got it")
	}
}

// TestRejectedIntoAFullBuffer: as in supervisord the oldest that waits makes room.
func TestRejectedIntoAFullBuffer(t *testing.T) {
	h, p := bench(1, "a")
	h.Offer(0, remote("0"))
	h.Offer(0, remote("1"))
	out := p.Read(0, "a", []byte(failAndReady))
	if got := notes(out, Error); !slices.Equal(got, []string{"pool p event buffer overflowed, discarding event 1"}) {
		t.Errorf("got %q", got)
	}
	wantSends(t, h.Wake(RedeliveryPause), "a serial:0")
}

func TestDeathWhileBusy(t *testing.T) {
	h, p := bench(10, "a", "b")
	h.Offer(0, remote("0"))
	wantSends(t, p.Ended(0, "a"), "b serial:0")
	// b breaks the protocol over it: the event waits for a's next run.
	out := p.Read(0, "b", []byte("garbage\n"))
	wantSends(t, out)
	if got := notes(out, Warn); len(got) != 2 || got[0] != "b: bad result line: 'garbage'" ||
		!strings.HasPrefix(got[1], "b: has entered the UNKNOWN state and will no longer receive events") {
		t.Errorf("got %q", got)
	}
	p.Run(0, "a", true)
	wantSends(t, p.Read(RedeliveryPause, "a", []byte("READY\n")), "a serial:0")
	wantSends(t, p.Read(RedeliveryPause, "b", []byte("READY\n")))
}

func TestLeave(t *testing.T) {
	h, p := bench(10, "a", "b")
	h.Offer(0, remote("0"))
	wantSends(t, p.Leave(0, "a"), "b serial:0")
	if p.Member("a") != nil {
		t.Error("a is still a member")
	}
	if p.Leave(0, "c") != nil || p.Ended(0, "c") != nil || p.Run(0, "c", true) != nil || p.Read(0, "c", []byte("READY\n")) != nil {
		t.Error("who is no member has a say")
	}
}

func TestUnsent(t *testing.T) {
	h, p := bench(10, "a", "b")
	h.Offer(0, remote("0"))
	if out := p.Unsent(0, "a", 5); out != nil {
		t.Errorf("of another event: %v", out)
	}
	wantSends(t, p.Unsent(0, "a", 0), "b serial:0")
	wantSends(t, p.Read(time.Hour, "a", []byte("READY\n")))
	wantSends(t, h.Offer(time.Hour, remote("1")))
}

func TestHubSurvivesJSON(t *testing.T) {
	h, p := bench(10, "a", "b")
	for _, data := range []string{"0", "1", "2"} {
		h.Offer(0, remote(data))
	}
	p.Read(0, "a", []byte("RESULT 4\nFA"))
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	next := &Hub{}
	if err := json.Unmarshal(text, next); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h, next) {
		t.Errorf("got %+v, want %+v", next, h)
	}
	wantSends(t, next.Pool("p").Read(0, "a", []byte("ILREADY\n")))
	wantSends(t, next.Wake(RedeliveryPause), "a serial:0")
}
