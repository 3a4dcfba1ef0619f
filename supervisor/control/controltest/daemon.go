// Package controltest provides a daemon to test clients of package control
// with: it plays back what it was given and remembers what it was told.
package controltest

import (
	"context"
	"io"
	"slices"
	"sync"

	"bulkhead/supervisor/control"
)

// Daemon is a [control.Daemon] of fixed answers. Set the exported fields
// before it is used; the methods may be called at any time.
type Daemon struct {
	Statuses  []control.Status
	Histories []control.History
	Answers   map[string][]control.Outcome // by verb
	Errors    map[string]error             // by verb, and "reread"
	Changes   control.Changes
	Logs      map[string]string // by "name/channel"; the main log is "/stdout"
	About     control.Info
	Kills     control.OOMLog
	Block     bool // Do waits for the end of its context

	mu     sync.Mutex
	orders []control.Order
	events []control.Event
	subs   []*sub
	tails  int
	moved  chan struct{} // closed and replaced at every change
}

type sub struct {
	ch     chan control.Event
	closed bool
}

// Orders returns the orders it was given.
func (d *Daemon) Orders() []control.Order {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.orders)
}

// Status implements [control.Daemon].
func (d *Daemon) Status(_ context.Context, names []string) ([]control.Status, []control.Outcome) {
	return control.MatchStatus(names, d.Statuses)
}

// Lines implements [control.Daemon].
func (d *Daemon) Lines(_ context.Context, names []string) ([]control.Line, []control.Outcome) {
	found, bad := control.MatchStatus(names, d.Statuses)
	return control.LinesOf(found), bad
}

// Info implements [control.Daemon].
func (d *Daemon) Info() control.Info { return d.About }

// OOM implements [control.Daemon].
func (d *Daemon) OOM(context.Context) control.OOMLog { return d.Kills }

// History implements [control.Daemon].
func (d *Daemon) History(_ context.Context, names []string) ([]control.History, []control.Outcome) {
	ids := make([]control.ID, len(d.Histories))
	for i, h := range d.Histories {
		ids[i] = control.ID{Group: h.Status.Group, Name: h.Status.Name, Program: h.Status.Program}
	}
	at, bad := control.Match(names, ids)
	var found []control.History
	for _, i := range at {
		found = append(found, d.Histories[i])
	}
	return found, bad
}

// Do implements [control.Daemon].
func (d *Daemon) Do(ctx context.Context, o control.Order) ([]control.Outcome, error) {
	d.mu.Lock()
	d.orders = append(d.orders, o)
	d.changed()
	d.mu.Unlock()
	if d.Block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.Answers[o.Verb], d.Errors[o.Verb]
}

// Reread implements [control.Daemon].
func (d *Daemon) Reread(context.Context) (control.Changes, error) {
	return d.Changes, d.Errors["reread"]
}

// Emit adds an event with the next serial and sends it to every follower; one
// whose buffer is full is cut off.
func (d *Daemon) Emit(e control.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.Serial = uint64(len(d.events)) + 1
	d.events = append(d.events, e)
	for _, s := range d.subs {
		if s.closed {
			continue
		}
		select {
		case s.ch <- e:
		default:
			s.end()
		}
	}
}

func (s *sub) end() {
	if !s.closed {
		s.closed = true
		close(s.ch)
	}
}

// Followers counts the subscriptions that are open.
func (d *Daemon) Followers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.tails
	for _, s := range d.subs {
		if !s.closed {
			n++
		}
	}
	return n
}

// Until waits until ok, asked after every change, says true.
func (d *Daemon) Until(ctx context.Context, ok func() bool) bool {
	for {
		d.mu.Lock()
		if d.moved == nil {
			d.moved = make(chan struct{})
		}
		moved := d.moved
		d.mu.Unlock()
		if ok() {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

// changed wakes Until; d.mu is held.
func (d *Daemon) changed() {
	if d.moved != nil {
		close(d.moved)
	}
	d.moved = make(chan struct{})
}

// buffer is small, so that a test can make a follower lag.
const buffer = 8

// Events implements [control.Daemon].
func (d *Daemon) Events(ctx context.Context, after uint64) ([]control.Event, <-chan control.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &sub{ch: make(chan control.Event, buffer)}
	d.subs = append(d.subs, s)
	d.changed()
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		s.end()
		d.changed()
	})
	return slices.Clone(d.events[min(after, uint64(len(d.events))):]), s.ch
}

// Tail implements [control.Daemon]. A follow yields nothing more and ends with
// its context.
func (d *Daemon) Tail(ctx context.Context, name, channel string, n int64, follow bool) (control.TailReader, control.Fault, error) {
	text, ok := d.Logs[name+"/"+channel]
	if !ok {
		known := slices.ContainsFunc(d.Statuses, func(s control.Status) bool { return s.FullName() == name })
		if known || name == "" {
			return nil, control.NoFile, nil
		}
		return nil, control.BadName, nil
	}
	text = text[max(0, int64(len(text))-n):]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tails++
	d.changed()
	return &tail{d: d, ctx: ctx, text: text, follow: follow}, control.NoFault, nil
}

type tail struct {
	d      *Daemon
	ctx    context.Context
	text   string
	follow bool
}

func (t *tail) Read(p []byte) (int, error) {
	if t.text == "" && t.follow {
		<-t.ctx.Done()
	}
	if t.text == "" {
		return 0, io.EOF
	}
	n := copy(p, t.text)
	t.text = t.text[n:]
	return n, nil
}

func (t *tail) Close() error {
	t.d.mu.Lock()
	defer t.d.mu.Unlock()
	t.d.tails--
	t.d.changed()
	return nil
}
