package listen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drive gives a board a script of one pool "p" of listeners a and b, and returns what it did.
//
//	born a, up a, gone a, leave a, lost a, say a TEXT, event NAME, at SECONDS
func drive(t *testing.T, size int, script ...string) string {
	t.Helper()
	b := &Board{}
	b.Subscribe("p", []string{"PROCESS_STATE", "TICK_5"}, size)
	now := time.Hour
	var out []string
	for _, line := range script {
		verb, rest, _ := strings.Cut(line, " ")
		who, text, _ := strings.Cut(rest, " ")
		m := Member{who, 1}
		var effects []Effect
		switch verb {
		case "born":
			b.Born("p", m)
		case "up":
			effects = b.Up("srv", "p", m, now)
		case "gone":
			effects = b.Gone("srv", "p", m, now)
		case "leave":
			b.Leaving("p", m)
		case "lost":
			effects = b.Lost("srv", "p", m, now)
		case "say":
			effects = b.Heard("srv", "p", m, []byte(strings.ReplaceAll(text, `\n`, "\n")), now)
		case "event":
			effects = b.Notify("srv", Event{Type(who), "x"}, now)
		case "at":
			var s int
			fmt.Sscan(who, &s)
			now = time.Hour + time.Duration(s)*time.Second
			effects = b.Tick("srv", now)
		default:
			t.Fatalf("no verb %q", verb)
		}
		for _, e := range effects {
			out = append(out, tell(e))
		}
	}
	return strings.Join(out, ", ")
}

func tell(e Effect) string {
	switch e := e.(type) {
	case Send:
		header, _, _ := strings.Cut(string(e.Data), "\n")
		f := strings.Fields(header)
		return "send " + e.Name + " " + f[2] + " " + f[4]
	case Overflowed:
		return fmt.Sprintf("drop %d", e.Serial)
	case Rejected:
		return fmt.Sprintf("back %d from %s", e.Serial, e.Name)
	case Confused:
		return fmt.Sprintf("confused %s in %v", e.Name, e.From)
	}
	return "?"
}

func TestBoard(t *testing.T) {
	const ev = "event PROCESS_STATE_RUNNING"
	for _, c := range []struct {
		name   string
		size   int
		script []string
		want   string
	}{
		{"not heard", 2, []string{"born a", "up a", `say a READY\n`, "event PROCESS_GROUP_ADDED"}, ""},
		{"not before RUNNING", 2, []string{"born a", `say a READY\n`, ev}, ""},
		{"what waited comes with RUNNING", 2, []string{"born a", `say a READY\n`, ev, "up a"}, "send a serial:0 poolserial:0"},
		{"one at a time", 3, []string{"born a", "up a", `say a READY\n`, ev, ev, `say a RESULT 2\nOK`, `say a READY\n`}, "send a serial:0 poolserial:0, send a serial:1 poolserial:1"},
		{"all in one breath", 3, []string{"born a", "up a", `say a READY\n`, ev, ev, `say a RESULT 2\nOKREADY\n`}, "send a serial:0 poolserial:0, send a serial:1 poolserial:1"},
		{"letter by letter", 3, []string{"born a", "up a", "say a REA", `say a DY\n`, ev, "say a RESULT ", `say a 2\nO`, "say a K", `say a READY\n`, ev},
			"send a serial:0 poolserial:0, send a serial:1 poolserial:1"},
		{"two listeners share", 3, []string{"born a", "born b", "up a", "up b", `say a READY\n`, `say b READY\n`, ev, ev}, "send a serial:0 poolserial:0, send b serial:1 poolserial:1"},
		{"the oldest is dropped", 2, []string{ev, ev, ev, "born a", "up a", `say a READY\n`}, "drop 0, send a serial:1 poolserial:1"},
		{"FAIL comes again, after a rest", 2, []string{"born a", "up a", `say a READY\n`, ev, `say a RESULT 4\nFAILREADY\n`, "at 0", "at 1"},
			"send a serial:0 poolserial:0, back 0 from a, send a serial:0 poolserial:0"},
		{"FAIL goes to another at once", 2, []string{"born a", "born b", "up a", "up b", `say b READY\n`, `say a READY\n`, ev, `say a RESULT 4\nFAIL`},
			"send a serial:0 poolserial:0, back 0 from a, send b serial:0 poolserial:0"},
		{"death over an event", 2, []string{"born a", "up a", `say a READY\n`, ev, "gone a", "born b", "up b", `say b READY\n`},
			"send a serial:0 poolserial:0, back 0 from a, send b serial:0 poolserial:0"},
		{"death without one", 2, []string{"born a", "up a", `say a READY\n`, "gone a", ev}, ""},
		{"nonsense instead of READY", 2, []string{"born a", "up a", `say a hello world\n`, ev, `say a READY\n`}, "confused a in ACKNOWLEDGED"},
		{"nonsense is known early", 2, []string{"born a", "up a", "say a X"}, "confused a in ACKNOWLEDGED"},
		{"a word while READY", 2, []string{"born a", "up a", `say a READY\nx`}, "confused a in READY"},
		{"no number", 2, []string{"born a", "up a", `say a READY\n`, ev, `say a RESULT x\n`}, "send a serial:0 poolserial:0, back 0 from a, confused a in BUSY"},
		{"a result too long", 2, []string{"born a", "up a", `say a READY\n`, ev, `say a RESULT 99999999\n`}, "send a serial:0 poolserial:0, back 0 from a, confused a in BUSY"},
		{"a line without an end", 2, []string{"born a", "up a", `say a READY\n`, ev, "say a RESULT " + strings.Repeat("1", 300)}, "send a serial:0 poolserial:0, back 0 from a, confused a in BUSY"},
		{"an empty result is none of OK", 2, []string{"born a", "up a", `say a READY\n`, ev, `say a RESULT 0\n`}, "send a serial:0 poolserial:0, back 0 from a"},
		{"one that is asked to end gets nothing", 2, []string{"born a", "up a", `say a READY\n`, "leave a", ev}, ""},
		{"one that cannot be written to", 2, []string{"born a", "up a", `say a READY\n`, ev, "lost a", "lost a"}, "send a serial:0 poolserial:0, back 0 from a, confused a in BUSY"},
		{"words of a stranger", 2, []string{`say z READY\n`, "up z", "gone z", "lost z"}, ""},
	} {
		if got := drive(t, c.size, c.script...); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestRejectionIsThePoolsOwn: what one pool rejects no other one gets. (supervisord
// tells it to every pool that has a process of the same priority.)
func TestRejectionIsThePoolsOwn(t *testing.T) {
	b := &Board{}
	b.Subscribe("p", []string{"TICK"}, 5)
	b.Subscribe("q", []string{"EVENT"}, 5)
	for _, pool := range []string{"p", "q"} {
		m := Member{pool, 1}
		b.Born(pool, m)
		b.Up("s", pool, m, 1)
		b.Heard("s", pool, m, []byte("READY\n"), 1)
	}
	if got := b.Notify("s", Event{Tick5, "when:5"}, 1); len(got) != 2 {
		t.Fatalf("%v", got)
	}
	got := b.Heard("s", "p", Member{"p", 1}, []byte("RESULT 4\nFAIL"), 1)
	if len(got) != 1 || tell(got[0]) != "back 0 from p" || len(b.Pools[1].Queue) != 0 {
		t.Errorf("%v", got)
	}
	if at, ok := b.Deadline(); ok {
		t.Errorf("a deadline %v for one that is not READY", at)
	}
	b.Heard("s", "p", Member{"p", 1}, []byte("READY\n"), 1)
	if at, ok := b.Deadline(); !ok || at != 1+pace {
		t.Errorf("deadline %v %v", at, ok)
	}
}

// TestNothingIsLost: whatever listeners do, every accepted event of a pool is answered OK,
// waits, is in one hand, or was dropped for want of room; none is in two places.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &Board{}
		b.Subscribe("p", []string{"EVENT"}, rapid.IntRange(1, 4).Draw(t, "size"))
		now := time.Second
		made, done := 0, map[uint64]bool{}
		hand := map[Member]uint64{}
		take := func(effects []Effect) {
			for _, e := range effects {
				switch e := e.(type) {
				case Send:
					var serial uint64
					if _, err := fmt.Sscanf(string(e.Data), "ver:3.0 server:s serial:%d", &serial); err != nil {
						t.Fatal(err)
					}
					for m, other := range hand {
						if other == serial {
							t.Fatalf("%d is with %v already", serial, m)
						}
					}
					if done[serial] {
						t.Fatalf("%d is done, and sent", serial)
					}
					hand[e.Member] = serial
				case Rejected:
					delete(hand, e.Member)
				case Overflowed:
					if done[e.Serial] {
						t.Fatalf("%d is done, and dropped", e.Serial)
					}
					done[e.Serial] = true
				}
			}
		}
		runs := uint64(1)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			m := Member{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "who"), runs}
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0:
				take(b.Notify("s", Event{Tick5, "x"}, now))
				made++
			case 1:
				b.Born("p", m)
			case 2:
				take(b.Up("s", "p", m, now))
			case 3:
				take(b.Gone("s", "p", m, now))
			case 4, 5:
				take(b.Heard("s", "p", m, []byte("READY\n"), now))
			case 6:
				serial, had := hand[m]
				delete(hand, m)
				effects := b.Heard("s", "p", m, []byte("RESULT 2\nOK"), now)
				if had && !slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Rejected); return ok }) {
					done[serial] = true
				}
				take(effects)
			case 7:
				take(b.Heard("s", "p", m, []byte("RESULT 4\nFAIL"), now))
			case 8:
				now += time.Second
				take(b.Tick("s", now))
			}
			at := map[uint64]int{}
			for _, p := range b.Pools[0].Queue {
				at[p.Serial]++
			}
			for _, serial := range hand {
				at[serial]++
			}
			for serial := range done {
				at[serial]++
			}
			for serial := range uint64(made) {
				if at[serial] != 1 {
					t.Fatalf("event %d is in %d places", serial, at[serial])
				}
			}
		}
	})
}
