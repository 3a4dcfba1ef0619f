package supervisor

import (
	"context"
	"testing"
	"testing/synctest"

	"bulkhead/supervisor/control"
)

func fill(j *journal, n int) {
	for range n {
		j.add(control.Event{Kind: "state"})
	}
}

func TestJournalNumbersFromOne(t *testing.T) {
	j := newJournal()
	j.add(control.Event{Serial: 99, Message: "a"}) // what a caller puts there does not count
	j.add(control.Event{Message: "b"})
	old, _ := j.follow(t.Context(), 0)
	if len(old) != 2 || old[0].Serial != 1 || old[1].Serial != 2 || old[1].Message != "b" {
		t.Errorf("%+v", old)
	}
	if old, _ := j.follow(t.Context(), 1); len(old) != 1 || old[0].Serial != 2 {
		t.Errorf("after 1: %+v", old)
	}
	if old, _ := j.follow(t.Context(), 7); len(old) != 0 {
		t.Errorf("after what is to come: %+v", old)
	}
}

// The newest half at least is always there, without a gap, and memory is bounded.
func TestJournalKeepsTheNewest(t *testing.T) {
	j := newJournal()
	const all = 5*journalKeeps + 3
	fill(j, all)
	old, _ := j.follow(t.Context(), 0)
	if n := len(old); n < journalKeeps/2 || n > journalKeeps {
		t.Errorf("%d kept", n)
	}
	for i, e := range old {
		if want := uint64(all - len(old) + i + 1); e.Serial != want {
			t.Fatalf("event %d has number %d, want %d", i, e.Serial, want)
		}
	}
	if cap(j.kept) > 4*journalKeeps {
		t.Errorf("room for %d events", cap(j.kept))
	}
	// What a reader was given stays as it was.
	first := old[0]
	fill(j, 2*journalKeeps)
	if old[0].Serial != first.Serial {
		t.Error("events that were handed out have changed")
	}
}

// Between the kept and the coming there is neither a gap nor a double.
func TestJournalFollows(t *testing.T) {
	j := newJournal()
	fill(j, 3)
	old, more := j.follow(t.Context(), 0)
	fill(j, 2)
	if len(old) != 3 {
		t.Errorf("%d kept", len(old))
	}
	for want := uint64(4); want <= 5; want++ {
		if e := <-more; e.Serial != want {
			t.Errorf("got %d, want %d", e.Serial, want)
		}
	}
}

// A reader that lags loses its channel after what it was given; another that
// keeps up loses nothing.
func TestJournalDropsALaggingReader(t *testing.T) {
	j := newJournal()
	_, slow := j.follow(t.Context(), 0)
	_, quick := j.follow(t.Context(), 0)
	for i := range journalLag + 10 {
		fill(j, 1)
		if e := <-quick; e.Serial != uint64(i+1) {
			t.Fatalf("the quick reader got %d, want %d", e.Serial, i+1)
		}
	}
	n := 0
	for range slow {
		n++
	}
	if n != journalLag {
		t.Errorf("the slow reader got %d events, want %d", n, journalLag)
	}
	if len(j.readers) != 1 {
		t.Errorf("%d readers, want the quick one", len(j.readers))
	}
}

func TestJournalReaderEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		ctx, cancel := context.WithCancel(t.Context())
		_, a := j.follow(ctx, 0)
		_, b := j.follow(ctx, 0)
		fill(j, journalLag+1) // both are dropped for lagging: the end must not close them again
		_, c := j.follow(ctx, 0)
		cancel()
		synctest.Wait()
		for _, ch := range []<-chan control.Event{a, b, c} {
			for range ch { // ends: closed
			}
		}
		if len(j.readers) != 0 {
			t.Errorf("%d readers left", len(j.readers))
		}
		if _, late := j.follow(ctx, 0); true { // one that comes with an ended context
			for range late {
			}
		}
		fill(j, 1)
	})
}
