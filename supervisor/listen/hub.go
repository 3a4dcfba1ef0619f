package listen

import (
	"slices"
	"time"
)

// Hub numbers the events and offers each to every pool. It is its single owner's:
// nothing here may be called from two goroutines at once.
type Hub struct {
	Server string  `json:"server"` // the supervisor's identifier
	Serial uint64  `json:"serial"` // of the next event; never begins anew while we run
	Pools  []*Pool `json:"pools"`
}

// Action is what the owner has to do about a pool: an event to send, or words to log.
type Action interface{ action() }

// Send is an envelope to be written to a listener's standard input. When that cannot be
// done, [Pool.Unsent] is to be told.
type Send struct {
	Pool   string
	Member string
	Serial uint64
	Data   []byte
}

// Note is a line for the log, in supervisord's words.
type Note struct {
	Level Level
	Text  string
}

// Level is how grave a Note is.
type Level int

// supervisord's levels that notes have.
const (
	Debug Level = iota
	Warn
	Error
)

func (Send) action() {}
func (Note) action() {}

// Pool returns the pool of a name, nil when there is none.
func (h *Hub) Pool(name string) *Pool {
	i := slices.IndexFunc(h.Pools, func(p *Pool) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return h.Pools[i]
}

// Add adds a pool, behind those that there are.
func (h *Hub) Add(p *Pool) { h.Pools = append(h.Pools, p) }

// Remove forgets a pool with all that it still has.
func (h *Hub) Remove(name string) {
	h.Pools = slices.DeleteFunc(h.Pools, func(p *Pool) bool { return p.Name == name })
}

// Offer gives an event to every pool that subscribed to it. An event that nobody
// wants gets no serial.
func (h *Hub) Offer(now time.Duration, e Event) []Action {
	var out []Action
	taken := false
	for _, p := range h.Pools {
		if p.wants(e.Type) {
			taken = true
			out = append(out, p.accept(now, h, e)...)
		}
	}
	if taken {
		h.Serial++
	}
	return out
}

// Wanted reports whether any pool has subscribed to t, for who would go to some length
// to make such an event.
func (h *Hub) Wanted(t Type) bool {
	return slices.ContainsFunc(h.Pools, func(p *Pool) bool { return p.wants(t) })
}

// Wake is to be called at the moment that Deadline returned; earlier or later does no harm.
func (h *Hub) Wake(now time.Duration) []Action {
	var out []Action
	for _, p := range h.Pools {
		out = append(out, p.dispatch(now)...)
	}
	return out
}

// Deadline is when the earliest pause of a listener ends that an event waits for;
// false when none does.
func (h *Hub) Deadline(now time.Duration) (time.Duration, bool) {
	var first time.Duration
	found := false
	for _, p := range h.Pools {
		if at, ok := p.deadline(now); ok && (!found || at < first) {
			first, found = at, true
		}
	}
	return first, found
}
