package listen

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// RedeliveryPause is how long a listener that has rejected an event, or died over one,
// gets nothing: one that always fails costs ten deliveries a second, not a CPU.
const RedeliveryPause = 100 * time.Millisecond

// Pool is one [eventlistener:x]: what it wants to hear, what waits, and its processes.
type Pool struct {
	Name    string    `json:"name"`
	Server  string    `json:"server"` // the supervisor's identifier
	Events  []Type    `json:"events"`
	Size    int       `json:"size"`   // of the buffer, at least 1
	Serial  uint64    `json:"serial"` // of the pool's next event
	Buffer  []Queued  `json:"buffer,omitempty"`
	Members []*Member `json:"members,omitempty"` // in the order they are tried
}

// Queued is an event that a pool has accepted.
type Queued struct {
	Event
	Serial     uint64 `json:"serial"`
	PoolSerial uint64 `json:"pool_serial"`
}

// Member is one process of a pool.
type Member struct {
	Name     string        `json:"name"`
	Running  bool          `json:"running,omitempty"` // its state is RUNNING
	Listener Listener      `json:"listener"`
	Event    *Queued       `json:"event,omitempty"` // in hand: set exactly while the listener is Busy
	Paused   time.Duration `json:"-"`               // it gets nothing before; a successor's clock is another
}

func (p *Pool) wants(t Type) bool {
	return slices.ContainsFunc(p.Events, func(s Type) bool { return s.Means(t) })
}

// Member returns the member of a name, nil when there is none.
func (p *Pool) Member(name string) *Member {
	i := slices.IndexFunc(p.Members, func(m *Member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return p.Members[i]
}

// Join makes a process a member of the pool, one that runs not yet.
func (p *Pool) Join(name string) {
	if p.Member(name) == nil {
		p.Members = append(p.Members, &Member{Name: name})
	}
}

// Leave takes a process out of the pool; what it has in hand goes to another.
func (p *Pool) Leave(now time.Duration, name string) []Action {
	out := p.Ended(now, name)
	p.Members = slices.DeleteFunc(p.Members, func(m *Member) bool { return m.Name == name })
	return out
}

// Ended tells that the run of a member has ended, all it said being read: an event that
// it had in hand is rejected, and the next run begins as a new listener.
func (p *Pool) Ended(now time.Duration, name string) []Action {
	m := p.Member(name)
	if m == nil {
		return nil
	}
	m.Running = false
	m.Listener = Listener{}
	return append(p.reject(now, m), p.dispatch(now)...)
}

// Run tells whether a member's state is RUNNING; in any other it gets no event.
func (p *Pool) Run(now time.Duration, name string, running bool) []Action {
	m := p.Member(name)
	if m == nil {
		return nil
	}
	m.Running = running
	return p.dispatch(now)
}

// Read tells what a member said on its standard output.
func (p *Pool) Read(now time.Duration, name string, data []byte) []Action {
	m := p.Member(name)
	if m == nil {
		return nil
	}
	var outcomes []Outcome
	var out []Action
	before := m.Listener.Phase
	m.Listener, outcomes = Step(m.Listener, data)
	for _, o := range outcomes {
		out = append(out, p.follow(now, m, o, &before)...)
	}
	return append(out, p.dispatch(now)...)
}

// follow does what an outcome means for the event in hand.
func (p *Pool) follow(now time.Duration, m *Member, o Outcome, before *Phase) []Action {
	var out []Action
	var after Phase
	switch o.Kind {
	case Readied:
		after = Ready
	case Accepted:
		after = Acknowledged
		m.Event = nil
		out = append(out, Note{Debug, m.Name + ": event was processed"})
	case Rejected:
		after = Acknowledged
		out = append(out, Note{Warn, m.Name + ": event was rejected"})
	case BadResult:
		after = Unknown
		out = append(out, Note{Warn, fmt.Sprintf("%s: bad result line: '%s'", m.Name, text([]byte(o.Line)))})
	case Broke:
		after = Unknown
	}
	out = append(out, Note{Debug, fmt.Sprintf("%s: %s -> %s", m.Name, *before, after)})
	*before = after
	if after == Unknown {
		out = append(out, Note{Warn, m.Name + ": has entered the UNKNOWN state and will no longer receive events, " +
			"this usually indicates the process violated the eventlistener protocol"})
	}
	if after != Ready {
		out = append(out, p.reject(now, m)...)
	}
	return out
}

// Unsent tells that a Send could not be written (EPIPE): the event goes to another
// listener, and the member gets nothing more in this run.
func (p *Pool) Unsent(now time.Duration, name string, serial uint64) []Action {
	m := p.Member(name)
	if m == nil || m.Event == nil || m.Event.Serial != serial {
		return nil
	}
	m.Listener = Listener{Phase: Unknown}
	note := Note{Debug, fmt.Sprintf("epipe occurred while sending event %d to listener %s", serial, name)}
	out := append([]Action{note}, p.reject(now, m)...)
	return append(out, p.dispatch(now)...)
}

// reject puts the event that m has in hand, if any, back at the head of this pool.
func (p *Pool) reject(now time.Duration, m *Member) []Action {
	if m.Event == nil {
		return nil
	}
	q := *m.Event
	m.Event = nil
	m.Paused = now + RedeliveryPause
	out := p.makeRoom()
	p.Buffer = slices.Insert(p.Buffer, 0, q)
	return out
}

// accept takes an event into the pool, as its newest.
func (p *Pool) accept(now time.Duration, h *Hub, e Event) []Action {
	p.Server = h.Server
	q := Queued{Event: e, Serial: h.Serial, PoolSerial: p.Serial}
	p.Serial++
	out := p.dispatch(now) // a pause that has passed makes room
	out = append(out, p.makeRoom()...)
	p.Buffer = append(p.Buffer, q)
	return append(out, p.dispatch(now)...)
}

// makeRoom drops the oldest event of a full buffer, also where the one that comes
// back to its head is older still: as supervisord does, it is the one being worked on.
func (p *Pool) makeRoom() []Action {
	if len(p.Buffer) < max(p.Size, 1) {
		return nil
	}
	gone := p.Buffer[0]
	p.Buffer = slices.Delete(p.Buffer, 0, 1)
	return []Action{Note{Error, fmt.Sprintf("pool %s event buffer overflowed, discarding event %d", p.Name, gone.Serial)}}
}

// dispatch hands out events, oldest first, while somebody can take them.
func (p *Pool) dispatch(now time.Duration) []Action {
	var out []Action
	for len(p.Buffer) > 0 {
		i := slices.IndexFunc(p.Members, func(m *Member) bool { return m.takes(now) })
		if i < 0 {
			break
		}
		m, q := p.Members[i], p.Buffer[0]
		p.Buffer = slices.Delete(p.Buffer, 0, 1)
		m.Event, m.Listener = &q, m.Listener.Dispatch()
		out = append(out,
			Send{p.Name, m.Name, q.Serial, p.envelope(q)},
			Note{Debug, fmt.Sprintf("event %d sent to listener %s", q.Serial, m.Name)})
	}
	return out
}

func (m *Member) able() bool { return m.Running && m.Listener.Phase == Ready }

func (m *Member) takes(now time.Duration) bool { return m.able() && now >= m.Paused }

func (p *Pool) deadline(now time.Duration) (first time.Duration, found bool) {
	if len(p.Buffer) == 0 {
		return 0, false
	}
	for _, m := range p.Members {
		if m.able() && (!found || m.Paused < first) {
			first, found = max(m.Paused, now), true
		}
	}
	return first, found
}

// envelope is the event as a listener reads it.
func (p *Pool) envelope(q Queued) []byte {
	return []byte("ver:3.0 server:" + p.Server +
		" serial:" + strconv.FormatUint(q.Serial, 10) +
		" pool:" + p.Name +
		" poolserial:" + strconv.FormatUint(q.PoolSerial, 10) +
		" eventname:" + string(q.Type) +
		" len:" + strconv.Itoa(utf8.RuneCountInString(q.Payload)) +
		"\n" + q.Payload)
}
