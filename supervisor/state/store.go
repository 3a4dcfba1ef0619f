package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// retryAfter is how long the store waits in trouble until it tries again by itself.
	retryAfter = 3 * time.Second
	// calm is how long it waits in trouble after a Put: a full disk is not
	// asked a thousand times a second.
	calm = 100 * time.Millisecond
	// closeWithin bounds Close.
	closeWithin = 2 * time.Second
)

var errClosed = errors.New("the store is closed")

// Store keeps the documents of one directory on disk. It writes on a goroutine
// of its own, which sleeps while nothing changes. All methods may be called
// from anywhere at any time.
type Store struct {
	disk       disk                       // the goroutine's
	loaded     map[string]json.RawMessage // the goroutine's, until it begins
	stuck, bad bool                       // the goroutine's: what onTrouble knows
	onTrouble  func(error)
	after      func(time.Duration) <-chan time.Time

	mu      sync.Mutex
	pending map[string]any // newest value by key; nil: deleted
	waiters []chan error   // of Flush
	closed  bool

	wake   chan struct{} // something is pending
	urgent chan struct{} // somebody waits
	done   chan struct{} // the goroutine has ended, err is set
	err    error
}

// Open begins to keep state in dir, from what was loaded there (or came from
// [Decode]), and returns at once. The caller holds dir's [Lock]. The first thing
// written is a fresh snapshot, which mends a damaged file; when loaded has
// Problems the old file is kept as dir/state.damaged, in place of an earlier one.
//
// onTrouble is told, from the store's goroutine, when state cannot be written
// (once, however long that lasts) and with nil when all is written again. It
// must not call Flush or Close. In trouble the store tries again at the next
// Put and by itself every few seconds; nothing that was put is forgotten.
func Open(dir, bootID string, loaded Loaded, onTrouble func(err error)) *Store {
	s := newStore(dir, bootID, loaded, onTrouble)
	go s.run()
	return s
}

func newStore(dir, bootID string, loaded Loaded, onTrouble func(err error)) *Store {
	return &Store{
		disk:      newDisk(realKernel(), dir, bootID, len(loaded.Problems) > 0),
		onTrouble: onTrouble,
		after:     time.After,
		loaded:    loaded.Documents,
		wake:      make(chan struct{}, 1),
		urgent:    make(chan struct{}, 1),
		done:      make(chan struct{}),
	}
}

// Put stores v under key. It never blocks and never fails: v is marshalled by
// encoding/json on the store's goroutine later, and must not change any more. Of
// several values put under a key in quick succession only the newest may be
// written; the order between keys is not kept. A v that is null in JSON deletes
// key. A v that cannot be marshalled is trouble, and key keeps its value.
func (s *Store) Put(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.pending == nil {
		s.pending = map[string]any{}
	}
	s.pending[key] = v
	poke(s.wake)
}

// Delete removes key. It never blocks and never fails.
func (s *Store) Delete(key string) { s.Put(key, nil) }

// Flush returns when all that was put before is written (write(2), not
// fsynced), or with the error that stands in the way, or when ctx ends.
func (s *Store) Flush(ctx context.Context) error {
	answer := make(chan error, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("cannot flush state in %q: %w", s.disk.dir, errClosed)
	}
	s.waiters = append(s.waiters, answer)
	poke(s.urgent)
	s.mu.Unlock()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("cannot flush state in %q: %w", s.disk.dir, context.Cause(ctx))
	}
}

// Close writes what is left and ends the goroutine. What is put from now on is
// ignored. The error says what could not be written; with a disk that does not
// answer within 2 s the goroutine ends when the disk does answer.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	poke(s.urgent)
	s.mu.Unlock()
	select {
	case <-s.done:
		return s.err
	case <-s.after(closeWithin):
		return fmt.Errorf("cannot close state in %q: the disk did not answer within %v", s.disk.dir, closeWithin)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// run is the store's goroutine.
func (s *Store) run() {
	defer close(s.done)
	for key, doc := range s.loaded {
		s.disk.set(key, doc)
	}
	s.loaded = nil
	for {
		waiters, closed := s.take()
		stuck := s.disk.write()
		bad := s.disk.refused()
		s.report(stuck, bad)
		left := bad
		if s.disk.unwritten() {
			left = errors.Join(stuck, bad)
		}
		for _, w := range waiters {
			w <- left
		}
		if closed {
			s.disk.close()
			s.err = left
			return
		}
		s.wait(stuck != nil)
	}
}

// report tells onTrouble what it does not know yet.
func (s *Store) report(stuck, bad error) {
	news := stuck != nil && !s.stuck || bad != nil && !s.bad
	over := stuck == nil && bad == nil && (s.stuck || s.bad)
	s.stuck, s.bad = stuck != nil, bad != nil
	if (news || over) && s.onTrouble != nil {
		s.onTrouble(errors.Join(stuck, bad))
	}
}

// take moves what is pending to the disk's documents.
func (s *Store) take() (waiters []chan error, closed bool) {
	s.mu.Lock()
	pending := s.pending
	waiters, closed = s.waiters, s.closed
	s.pending, s.waiters = nil, nil
	drain(s.wake)
	drain(s.urgent)
	s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(pending)) {
		s.disk.set(key, pending[key])
	}
	return waiters, closed
}

// wait sleeps until there is something to do.
func (s *Store) wait(trouble bool) {
	if !trouble {
		select {
		case <-s.wake:
		case <-s.urgent:
		}
		return
	}
	select {
	case <-s.urgent:
	case <-s.after(retryAfter):
	case <-s.wake:
		select {
		case <-s.urgent:
		case <-s.after(calm):
		}
	}
}
