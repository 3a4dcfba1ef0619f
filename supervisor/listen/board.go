package listen

import (
	"slices"
	"time"
)

// pace is how soon a listener that rejected an event, or died over one, may be given one
// again. supervisord gives it the same again at once, without end, at the cost of a
// processor; another listener of the pool gets it at once here too.
const pace = time.Second

// Board is all pools and what waits for them. The zero value has none. It is plain
// data and not for use by several goroutines.
type Board struct {
	Serial uint64 // of the next event that a pool accepts
	Pools  []*Pool
}

// Pool is the listeners of one program, and the events that wait for them.
type Pool struct {
	Name    string
	Events  []string // subscribed types
	Size    int      // of the buffer
	Serial  uint64   // of the pool's next event
	Queue   []parcel
	Members []*member
}

// parcel is an event on its way through one pool.
type parcel struct {
	Serial, PoolSerial uint64
	Event              Event
}

// Member names a listener's run.
type Member struct {
	Name string // of its instance
	Run  uint64
}

// member is a listener that runs.
type member struct {
	Member
	Up    bool // RUNNING
	Voice voice
	Hand  *parcel       // the event it has, while BUSY
	Rest  time.Duration // until when it gets none
}

// Effect is something that must be done.
type Effect interface{ effect() }

// Send writes an event to a listener's standard input.
type Send struct {
	Member
	Data []byte
}

// Overflowed: a pool's buffer was full, and its oldest event was dropped.
type Overflowed struct {
	Pool   string
	Serial uint64
}

// Rejected: a listener answered something else than OK, or ended over the event, which
// goes to the head of its pool's buffer.
type Rejected struct {
	Member
	Pool   string
	Serial uint64
}

// Confused: a listener does not keep to the protocol and gets nothing until it is
// started again.
type Confused struct {
	Member
	Pool string
	From Phase
}

func (Send) effect()       {}
func (Overflowed) effect() {}
func (Rejected) effect()   {}
func (Confused) effect()   {}

// Subscribe adds a pool, or changes what a pool hears; events that wait stay.
func (b *Board) Subscribe(name string, events []string, size int) {
	p := b.pool(name)
	if p == nil {
		p = &Pool{Name: name}
		b.Pools = append(b.Pools, p)
	}
	p.Events, p.Size = events, max(size, 1)
}

// Unsubscribe removes a pool and what waits for it.
func (b *Board) Unsubscribe(name string) {
	b.Pools = slices.DeleteFunc(b.Pools, func(p *Pool) bool { return p.Name == name })
}

func (b *Board) pool(name string) *Pool {
	if i := slices.IndexFunc(b.Pools, func(p *Pool) bool { return p.Name == name }); i >= 0 {
		return b.Pools[i]
	}
	return nil
}

// Wanted reports whether any pool hears a type, so that nobody makes an event for nothing.
func (b *Board) Wanted(t Type) bool {
	return slices.ContainsFunc(b.Pools, func(p *Pool) bool { return p.hears(t) })
}

func (p *Pool) hears(t Type) bool {
	return slices.ContainsFunc(p.Events, func(s string) bool { return matches(s, t) })
}

// Notify gives an event to every pool that hears it. server is this supervisor's identifier.
func (b *Board) Notify(server string, e Event, now time.Duration) (out []Effect) {
	numbered := false
	var serial uint64
	for _, p := range b.Pools {
		if !p.hears(e.Type) {
			continue
		}
		if !numbered {
			numbered, serial = true, b.Serial
			b.Serial++
		}
		if len(p.Queue) >= p.Size {
			out = append(out, Overflowed{p.Name, p.Queue[0].Serial})
			p.Queue = p.Queue[1:]
		}
		p.Queue = append(p.Queue, parcel{serial, p.Serial, e})
		p.Serial++
		out = append(out, p.dispatch(server, now)...)
	}
	return out
}

// dispatch gives what waits to whoever is ready.
func (p *Pool) dispatch(server string, now time.Duration) (out []Effect) {
	for len(p.Queue) > 0 {
		m := p.free(now)
		if m == nil {
			break
		}
		first := p.Queue[0]
		p.Queue = p.Queue[1:]
		m.Hand, m.Voice.Phase, m.Voice.Want = &first, Busy, -1
		out = append(out, Send{m.Member, envelope(server, first.Serial, p.Name, first.PoolSerial, first.Event)})
	}
	return out
}

func (p *Pool) free(now time.Duration) *member {
	for _, m := range p.Members {
		if m.Up && m.Voice.Phase == Ready && now >= m.Rest {
			return m
		}
	}
	return nil
}

func (b *Board) find(pool string, who Member) (*Pool, *member) {
	p := b.pool(pool)
	if p == nil {
		return nil, nil
	}
	for _, m := range p.Members {
		if m.Member == who {
			return p, m
		}
	}
	return p, nil
}

// Born makes a listener's run known; it is not RUNNING yet.
func (b *Board) Born(pool string, who Member) {
	if p, m := b.find(pool, who); p != nil && m == nil {
		p.Members = append(p.Members, &member{Member: who, Voice: voice{Want: -1}})
	}
}

// Has reports whether a listener's run is known.
func (b *Board) Has(pool string, who Member) bool {
	_, m := b.find(pool, who)
	return m != nil
}

// Up says that a listener is RUNNING: only from then on it gets events.
func (b *Board) Up(server, pool string, who Member, now time.Duration) []Effect {
	p, m := b.find(pool, who)
	if m == nil {
		return nil
	}
	m.Up = true
	return p.dispatch(server, now)
}

// Leaving says that a listener is asked to end: it gets nothing more.
func (b *Board) Leaving(pool string, who Member) {
	if _, m := b.find(pool, who); m != nil {
		m.Up = false
	}
}

// Gone says that a listener's run has ended. What it had in hand waits again.
func (b *Board) Gone(server, pool string, who Member, now time.Duration) (out []Effect) {
	p, m := b.find(pool, who)
	if m == nil {
		return nil
	}
	p.Members = slices.DeleteFunc(p.Members, func(o *member) bool { return o == m })
	if m.Hand != nil {
		out = append(out, p.reject(m)...)
	}
	return append(out, p.dispatch(server, now)...)
}

// reject puts what a listener has in hand back to the head; as under supervisord, in a
// full buffer that is at the cost of the oldest that waits.
func (p *Pool) reject(m *member) (out []Effect) {
	out = append(out, Rejected{m.Member, p.Name, m.Hand.Serial})
	if len(p.Queue) >= p.Size {
		out = append(out, Overflowed{p.Name, p.Queue[0].Serial})
		p.Queue = p.Queue[1:]
	}
	p.Queue = append([]parcel{*m.Hand}, p.Queue...)
	m.Hand = nil
	return out
}

// Heard takes what a listener printed.
func (b *Board) Heard(server, pool string, who Member, text []byte, now time.Duration) (out []Effect) {
	p, m := b.find(pool, who)
	if m == nil || m.Voice.Phase == Unknown {
		return nil
	}
	m.Voice.Heard = append(slices.Clone(m.Voice.Heard), text...)
	for {
		before := m.Voice.Phase
		switch m.Voice.next() {
		case nothing:
			return append(out, p.dispatch(server, now)...)
		case accepted:
			m.Hand = nil
		case rejected:
			m.Rest = now + pace
			out = append(out, p.reject(m)...)
		case nonsense:
			if m.Hand != nil {
				out = append(out, p.reject(m)...)
			}
			out = append(out, Confused{m.Member, p.Name, before})
			return append(out, p.dispatch(server, now)...)
		}
	}
}

// Lost says that an event could not be written to a listener: it has closed its
// standard input, or does not read.
func (b *Board) Lost(server, pool string, who Member, now time.Duration) (out []Effect) {
	p, m := b.find(pool, who)
	if m == nil || m.Voice.Phase == Unknown {
		return nil
	}
	from := m.Voice.Phase
	m.Voice.broken()
	if m.Hand != nil {
		out = append(out, p.reject(m)...)
	}
	out = append(out, Confused{m.Member, p.Name, from})
	return append(out, p.dispatch(server, now)...)
}

// Tick gives what waits to listeners whose rest is over.
func (b *Board) Tick(server string, now time.Duration) (out []Effect) {
	for _, p := range b.Pools {
		out = append(out, p.dispatch(server, now)...)
	}
	return out
}

// Deadline is when Tick has something to do; ok is false when it has not.
func (b *Board) Deadline() (at time.Duration, ok bool) {
	for _, p := range b.Pools {
		if len(p.Queue) == 0 {
			continue
		}
		for _, m := range p.Members {
			if m.Up && m.Voice.Phase == Ready && (!ok || m.Rest < at) {
				at, ok = m.Rest, true
			}
		}
	}
	return at, ok
}
