package listen

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNothingIsLostOrDoubled walks pools at random: every event is at every moment in
// one place of each pool that took it (the buffer, a listener's hands, done, or told
// as dropped), and what comes back comes before what is younger.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, p := bench(rapid.IntRange(1, 4).Draw(t, "size"))
		names := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "members")]
		for _, name := range names {
			p.Join(name)
		}
		now := time.Duration(0)
		done := map[uint64]bool{}
		gone := map[uint64]bool{}
		take := func(out []Action) {
			for _, a := range out {
				if n, ok := a.(Note); ok && n.Level == Error {
					var serial uint64
					if _, err := fmt.Sscanf(n.Text, "pool p event buffer overflowed, discarding event %d", &serial); err != nil || gone[serial] {
						t.Fatalf("dropped: %q", n.Text)
					}
					gone[serial] = true
				}
			}
		}
		member := rapid.SampledFrom(names)
		say := func(said string) func(*rapid.T) {
			return func(t *rapid.T) {
				name := member.Draw(t, "who")
				m := p.Member(name)
				if q := m.Event; q != nil && strings.HasPrefix(said, "RESULT 2\nOK") && len(m.Listener.Rest) == 0 && !m.Listener.Result {
					done[q.Serial] = true
				}
				take(p.Read(now, name, []byte(said)))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"offer":  func(*rapid.T) { take(h.Offer(now, remote("x"))) },
			"ready":  say("READY\n"),
			"ok":     say(okAndReady),
			"fail":   say(failAndReady),
			"broken": say("nonsense\n"),
			"run": func(t *rapid.T) {
				take(p.Run(now, member.Draw(t, "who"), rapid.Bool().Draw(t, "running")))
			},
			"end": func(t *rapid.T) { take(p.Ended(now, member.Draw(t, "who"))) },
			"unsent": func(t *rapid.T) {
				take(p.Unsent(now, member.Draw(t, "who"), uint64(rapid.IntRange(0, 9).Draw(t, "serial"))))
			},
			"wait": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(1, 150).Draw(t, "ms")) * time.Millisecond
				take(h.Wake(now))
			},
			"": func(t *rapid.T) { checkPlaces(t, h, p, now, done, gone) },
		})
	})
}

func checkPlaces(t *rapid.T, h *Hub, p *Pool, now time.Duration, done, gone map[uint64]bool) {
	places := map[uint64]int{}
	for _, q := range p.Buffer {
		places[q.Serial]++
	}
	for _, m := range p.Members {
		if (m.Event != nil) != (m.Listener.Phase == Busy) {
			t.Fatalf("%s is %s with event %v", m.Name, m.Listener.Phase, m.Event)
		}
		if m.Event != nil {
			places[m.Event.Serial]++
		}
		if len(p.Buffer) > 0 && m.takes(now) {
			t.Fatalf("%s is idle while %d events wait", m.Name, len(p.Buffer))
		}
		if len(p.Buffer) > 0 && m.able() {
			if at, ok := h.Deadline(now); !ok || at > m.Paused {
				t.Fatalf("nobody will wake %s: %v, %v", m.Name, at, ok)
			}
		}
	}
	for serial := range h.Serial {
		if done[serial] {
			places[serial]++
		}
		if gone[serial] {
			places[serial]++
		}
		if places[serial] != 1 {
			t.Fatalf("event %d is in %d places", serial, places[serial])
		}
	}
	if len(p.Buffer) > p.Size {
		t.Fatalf("%d events in a buffer of %d", len(p.Buffer), p.Size)
	}
}
