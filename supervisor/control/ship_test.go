package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/logs"
)

// ship is a daemon that outlives its server: what it is can be written down
// and read again by a successor.
type ship struct {
	mu    sync.Mutex // what a real daemon's loop is: an upgrade holds it
	set   *logs.Set
	ctx   context.Context
	subs  map[chan control.Event]bool
	done  chan struct{} // closed and replaced at every change
	state hold

	upgrade func(s *ship) // called with mu held, for the order "upgrade"
}

// hold is what is carried over.
type hold struct {
	Dir     string
	Image   int
	Serial  uint64
	Kept    []control.Event
	Taken   map[string]int // orders by name: how often they took effect
	Release map[string]bool
	Lines   int
}

func newShip(ctx context.Context, h hold) *ship {
	s := &ship{set: logs.NewSet(nil), ctx: ctx, subs: map[chan control.Event]bool{}, done: make(chan struct{}), state: h}
	if s.state.Taken == nil {
		s.state.Taken, s.state.Release = map[string]int{}, map[string]bool{}
	}
	return s
}

func (s *ship) log() string { return filepath.Join(s.state.Dir, "log") }

// emit writes an event and a line of the log.
func (s *ship) emit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.set.Open(logs.Target{Path: s.log(), MaxBytes: 2000, Backups: 3})
	if err != nil {
		return err
	}
	defer k.Close()
	s.state.Serial++
	s.state.Lines++
	e := control.Event{Serial: s.state.Serial, At: time.Now(), Kind: "state", Message: fmt.Sprintf("by image %d", s.state.Image)}
	s.state.Kept = append(s.state.Kept[max(0, len(s.state.Kept)-5000):], e)
	for c := range s.subs {
		select {
		case c <- e:
		default:
			delete(s.subs, c)
			close(c)
		}
	}
	_, err = fmt.Fprintf(k, "line %d of image %d\n", s.state.Lines, s.state.Image)
	return err
}

func (s *ship) Events(ctx context.Context, after uint64) ([]control.Event, <-chan control.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan control.Event, 64)
	s.subs[c] = true
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.subs[c] {
			delete(s.subs, c)
			close(c)
		}
	})
	var kept []control.Event
	for _, e := range s.state.Kept {
		if e.Serial > after {
			kept = append(kept, e)
		}
	}
	return kept, c
}

func (s *ship) Tail(ctx context.Context, name, _ string, n int64, follow bool) (control.TailReader, control.Fault, error) {
	if name == "gone" {
		return nil, control.BadName, nil
	}
	if !follow {
		text, err := logs.Tail(s.log(), n)
		return io.NopCloser(bytes.NewReader(text)), control.NoFault, err
	}
	var at logs.Position
	if control.NoteOf(ctx).Get(&at) {
		if at.Path == "" {
			at.Path = s.log()
		}
		f, err := s.set.Resume(ctx, at)
		return f, control.NoFault, err
	}
	f, err := s.set.Follow(ctx, s.log(), n)
	return f, control.NoFault, err
}

type ticket struct {
	Name  string
	Image int
}

// Do takes an order once, and ends it when it was released.
func (s *ship) Do(ctx context.Context, o control.Order) ([]control.Outcome, error) {
	if o.Verb == "start" {
		s.release(o.Names[0])
		return nil, nil
	}
	var t ticket
	if note := control.NoteOf(ctx); !note.Get(&t) {
		s.mu.Lock()
		t = ticket{Image: s.state.Image}
		if o.Verb != "upgrade" {
			t.Name = o.Names[0]
			s.state.Taken[t.Name]++
		}
		note.Set(t)
		s.changed()
		if o.Verb == "upgrade" {
			s.upgrade(s)
			s.mu.Unlock()
			return nil, errors.New("still the same")
		}
		s.mu.Unlock()
	}
	if o.Verb == "upgrade" {
		return []control.Outcome{{Name: "bulkhead", Done: fmt.Sprintf("upgraded: %d -> %d", t.Image, s.Info().PID)}}, nil
	}
	if !s.until(ctx, func() bool { return o.NoWait || s.state.Release[t.Name] }) {
		return nil, ctx.Err()
	}
	return []control.Outcome{{Name: t.Name, Done: "stopped"}}, nil
}

// changed wakes until; mu is held.
func (s *ship) changed() {
	close(s.done)
	s.done = make(chan struct{})
}

// until waits until ok, asked with mu held, says true.
func (s *ship) until(ctx context.Context, ok func() bool) bool {
	for {
		s.mu.Lock()
		yes, done := ok(), s.done
		s.mu.Unlock()
		if yes {
			return true
		}
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
}

func (s *ship) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Release[name] = true
	s.changed()
}

func (s *ship) Status(_ context.Context, names []string) ([]control.Status, []control.Outcome) {
	return control.MatchStatus(names, nil)
}

func (s *ship) Lines(context.Context, []string) ([]control.Line, []control.Outcome) { return nil, nil }

func (s *ship) History(context.Context, []string) ([]control.History, []control.Outcome) {
	return nil, nil
}

func (s *ship) OOM(context.Context) control.OOMLog { return control.OOMLog{} }

func (s *ship) Reread(context.Context) (control.Changes, error) {
	return control.Changes{}, s.emit()
}

// Info says in PID which image answers.
func (s *ship) Info() control.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return control.Info{Version: "ship", PID: s.state.Image}
}

var _ control.Daemon = (*ship)(nil)

// newHold is a state with an empty log.
func newHold(t *testing.T) hold {
	t.Helper()
	h := hold{Dir: t.TempDir(), Image: 1}
	s := newShip(t.Context(), h)
	k, err := s.set.Open(logs.Target{Path: s.log()})
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	return h
}
