package supervisor

import (
	"context"
	"slices"
	"sync"

	"bulkhead/supervisor/control"
)

const (
	journalKeeps = 2000 // events in memory
	journalLag   = 256  // events a reader may be behind before it is dropped
)

// journal numbers the events, keeps the newest, and hands them to readers. A
// reader that does not keep up loses its channel, never the writer its time.
type journal struct {
	mu      sync.Mutex
	serial  uint64
	kept    []control.Event
	readers map[chan control.Event]struct{}
}

func newJournal() *journal { return &journal{readers: map[chan control.Event]struct{}{}} }

// add returns the event with its number.
func (j *journal) add(e control.Event) control.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.serial++
	e.Serial = j.serial
	if len(j.kept) == journalKeeps {
		j.kept = append(j.kept[:0], j.kept[journalKeeps/2:]...)
	}
	j.kept = append(j.kept, e)
	for c := range j.readers {
		select {
		case c <- e:
		default:
			delete(j.readers, c)
			close(c)
		}
	}
	return e
}

// all returns what is kept.
func (j *journal) all() []control.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.kept)
}

// newest is the serial of the last event.
func (j *journal) newest() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.serial
}

// follow returns the kept events after a serial, and a channel of those to
// come, which is closed when ctx ends or the reader lags.
func (j *journal) follow(ctx context.Context, after uint64) ([]control.Event, <-chan control.Event) {
	c := make(chan control.Event, journalLag)
	j.mu.Lock()
	defer j.mu.Unlock()
	var old []control.Event
	for _, e := range j.kept {
		if e.Serial > after {
			old = append(old, e)
		}
	}
	j.readers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if _, ok := j.readers[c]; ok {
			delete(j.readers, c)
			close(c)
		}
	})
	return old, c
}
