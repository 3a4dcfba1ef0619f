package alert

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"bulkhead/supervisor/control"
)

// Trouble is told once when a way fails, and with a nil error when it works again. Key
// is for [Board.Tell]: that way is not to be told of its own failure.
type Trouble func(key string, w Way, err error)

// Board is all ways, each with its queue. The methods may be called from anywhere, and
// but for Close none of them blocks.
type Board struct {
	source  Source
	send    Sender
	trouble Trouble
	ctx     context.Context
	cancel  context.CancelFunc

	gate    sync.RWMutex // held for reading by attempts, for writing while none may be
	current attempts

	mu      sync.Mutex
	closed  bool
	senders []*sender // in the order of the rules
	leaving []*sender // that are configured no more, and not done yet
}

// New returns a board without a way. Nothing is told to trouble from within a method.
func New(src Source, send Sender, trouble Trouble) *Board {
	b := &Board{source: src, send: send, trouble: trouble}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.current.renew(b.ctx)
	return b
}

// attempts is the context of all attempts under way.
type attempts struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
}

func (a *attempts) renew(parent context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctx, a.cancel = context.WithCancel(parent)
}

func (a *attempts) get() (context.Context, context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ctx, a.cancel
}

// errHeld is that an attempt was broken off, or not begun: it is no failure.
var errHeld = errors.New("no message may go out now")

// attempt sends, unless and until that is not wanted.
func (b *Board) attempt(ctx context.Context, w Way, m Message) error {
	b.gate.RLock()
	defer b.gate.RUnlock()
	all, _ := b.current.get()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(all, cancel)()
	err := b.send(ctx, w, m)
	if err != nil && all.Err() != nil && b.ctx.Err() == nil {
		return errHeld
	}
	return err
}

// Hold breaks off what is under way, and keeps all messages back until resume is called:
// nothing of ours runs meanwhile.
func (b *Board) Hold() (resume func()) {
	_, cancel := b.current.get()
	cancel()
	b.gate.Lock()
	return func() {
		b.current.renew(b.ctx)
		b.gate.Unlock()
	}
}

// Set makes these the rules. A way that stays keeps its queue; one that is gone sends
// what it has, and ends.
func (b *Board) Set(rules []Rules) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	before := map[string]*sender{}
	for _, s := range b.senders {
		before[s.key] = s
	}
	b.senders = nil
	seen := map[string]int{}
	for _, r := range rules {
		key := r.Way.key()
		n := seen[key]
		seen[key]++ // the same way may have two tables, for different events
		key += "\x00" + strconv.Itoa(n)
		s := before[key]
		delete(before, key)
		if s != nil {
			s.revise(r)
		} else {
			s = newSender(key, r, b.source, b.attempt, b.trouble)
			go s.run(b.ctx)
		}
		b.senders = append(b.senders, s)
	}
	b.sweep()
	for _, s := range before {
		s.leave()
		b.leaving = append(b.leaving, s)
	}
}

// sweep forgets those that have left.
func (b *Board) sweep() {
	var still []*sender
	for _, s := range b.leaving {
		select {
		case <-s.done:
		default:
			still = append(still, s)
		}
	}
	b.leaving = still
}

// Tell queues an event of a program ("" of none) for every way that wants it, but for
// the one of key except.
func (b *Board) Tell(program string, e control.Event, except string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.senders {
		if rules, _, _ := s.state(); s.key != except && rules.Wants(program, e) {
			s.add(e)
		}
	}
}

// Queued is what waits, by key, and what [Board.Restore] takes: for a successor.
func (b *Board) Queued() map[string][]control.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string][]control.Event{}
	for _, s := range append(slices.Clone(b.leaving), b.senders...) { // a way may leave and come back
		if q := s.queued(); len(q) > 0 {
			all[s.key] = append(all[s.key], q...)
		}
	}
	return all
}

// Restore queues what the supervisor before has had no time to send. What has no way
// any more is dropped.
func (b *Board) Restore(queued map[string][]control.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.senders {
		s.add(queued[s.key]...)
	}
}

// Close sends what waits at once, and returns when that is done, or after so long; what
// is not sent by then is returned, and not sent any more.
func (b *Board) Close(most time.Duration) (left map[string][]control.Event) {
	b.mu.Lock()
	b.closed = true
	all := append(slices.Clone(b.leaving), b.senders...)
	b.mu.Unlock()
	late := time.AfterFunc(most, b.cancel)
	defer late.Stop()
	for _, s := range all {
		s.leave()
	}
	for _, s := range all {
		<-s.done
	}
	b.cancel()
	return b.Queued()
}
