package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"bulkhead/supervisor/control"
)

const (
	queueMost = 1000 // events that wait for one way
	batchMost = 100  // events of one message
	firstWait = time.Second
	mostWait  = 5 * time.Minute
	hour      = time.Hour
)

// Sender sends a message one way.
type Sender func(ctx context.Context, w Way, m Message) error

// permanentError is a failure that no retry helps.
type permanentError struct{ error }

func (p permanentError) Unwrap() error { return p.error }

// sender is one way, with its queue and the goroutine that empties it.
type sender struct {
	key     string
	source  Source
	send    Sender
	trouble func(key string, w Way, err error) // nil: it works again
	wake    chan struct{}                      // something has changed
	done    chan struct{}                      // its goroutine has ended

	mu      sync.Mutex
	rules   Rules
	queue   []control.Event // oldest first; those under way are still in it
	lost    int             // events that were not told
	leaving bool            // it ends once its queue is empty
}

func newSender(key string, r Rules, src Source, send Sender, trouble func(string, Way, error)) *sender {
	return &sender{key: key, rules: r, source: src, send: send, trouble: trouble, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// add queues events; what finds no room is counted. It never blocks.
func (s *sender) add(events ...control.Event) {
	s.mu.Lock()
	room := max(queueMost-len(s.queue), 0)
	took := min(room, len(events))
	s.queue = append(s.queue, events[:took]...)
	s.lost += len(events) - took
	s.mu.Unlock()
	s.poke()
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// revise takes on other rules for the same way.
func (s *sender) revise(r Rules) {
	s.mu.Lock()
	s.rules = r
	s.mu.Unlock()
	s.poke()
}

// leave has it end when all is sent, which is begun at once.
func (s *sender) leave() {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	s.poke()
}

func (s *sender) state() (r Rules, waiting int, leaving bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules, len(s.queue), s.leaving
}

func (s *sender) queued() []control.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queue)
}

// batch is the next message. Its events stay in the queue until they are taken.
func (s *sender) batch() (m Message, events, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, lost = min(len(s.queue), batchMost), s.lost
	return s.source.message(slices.Clone(s.queue[:events]), lost), events, lost
}

// taken removes a batch from the queue: it was sent, or given up.
func (s *sender) taken(events, lost int, sent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = slices.Delete(s.queue, 0, events)
	if sent {
		s.lost -= lost
	} else {
		s.lost += events
	}
}

// run sends until ctx ends, or until it has left. What is queued when ctx ends stays
// queued. Losses are told with the next event; for themselves they are no message.
func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	var sent []time.Time // in the last hour
	failing := false
	for s.gather(ctx) && s.turn(ctx, &sent) {
		m, events, lost := s.batch()
		err := s.deliver(ctx, m)
		if err != nil && ctx.Err() != nil {
			return
		}
		s.taken(events, lost, err == nil)
		sent = append(sent, time.Now())
		if (err != nil) != failing {
			failing = err != nil
			rules, _, _ := s.state()
			s.trouble(s.key, rules.Way, err)
		}
	}
}

// gather waits for an event, and then for others until it is time. It returns false
// when there is nothing more to do.
func (s *sender) gather(ctx context.Context) bool {
	var since time.Time // the first of them was there
	for ctx.Err() == nil {
		rules, waiting, leaving := s.state()
		left := time.Duration(-1)
		switch {
		case waiting == 0 && leaving:
			return false
		case leaving || waiting >= batchMost:
			return true
		case waiting > 0:
			if since.IsZero() {
				since = time.Now()
			}
			if left = rules.Interval - time.Since(since); left <= 0 {
				return true
			}
		}
		s.wait(ctx, left)
	}
	return false
}

// turn waits until the limit lets a message out. One that leaves keeps to none.
func (s *sender) turn(ctx context.Context, sent *[]time.Time) bool {
	for ctx.Err() == nil {
		*sent = slices.DeleteFunc(*sent, func(at time.Time) bool { return time.Since(at) >= hour })
		rules, _, leaving := s.state()
		if rules.Limit <= 0 || len(*sent) < rules.Limit || leaving {
			return true
		}
		s.wait(ctx, hour-time.Since((*sent)[len(*sent)-rules.Limit]))
	}
	return false
}

// deliver tries until it is done, or there is no use in trying.
func (s *sender) deliver(ctx context.Context, m Message) error {
	pause := firstWait
	for try := 0; ; {
		rules, _, _ := s.state()
		attempt, cancel := context.WithTimeout(ctx, rules.Timeout)
		err := s.send(attempt, rules.Way, m)
		if err != nil && errors.Is(attempt.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			err = fmt.Errorf("it took longer than %v", rules.Timeout)
		}
		cancel()
		if errors.Is(err, errHeld) && ctx.Err() == nil {
			continue // the next attempt waits until it may be made
		}
		if err == nil || ctx.Err() != nil || try >= rules.Retries || errors.As(err, &permanentError{}) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, mostWait)
		try++
	}
}

// wait waits so long, -1 for ever, or until something has changed.
func (s *sender) wait(ctx context.Context, d time.Duration) {
	var late <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-s.wake:
	case <-late:
	case <-ctx.Done():
	}
}
