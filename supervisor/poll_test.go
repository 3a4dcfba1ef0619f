package supervisor

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 30 * time.Second // for what must happen, on any machine

func startPoller(t *testing.T) *poller {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { p.run(); close(ended) }()
	t.Cleanup(func() {
		p.stop()
		within30s(t, "the poller's end", ended)
		unix.Close(p.epoll)
		unix.Close(p.wake)
	})
	return p
}

func within30s[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("not reached")
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// round returns once the poller has looked at everything that was ready before.
func (p *poller) round(t *testing.T) {
	t.Helper()
	r, w := pipe(t)
	seen := make(chan struct{}, 1)
	if err := p.add(int(r.Fd()), unix.EPOLLIN, func() { seen <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	w.WriteString("x")
	within30s(t, "a round of the poller", seen)
	p.remove(int(r.Fd()))
}

func TestPollerTellsEachEdgeOnce(t *testing.T) {
	p := startPoller(t)
	r, w := pipe(t)
	calls := make(chan struct{}, 100)
	w.WriteString("before it is watched")
	if err := p.add(int(r.Fd()), unix.EPOLLIN, func() { calls <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	within30s(t, "what was ready already", calls)
	for range 3 { // nobody reads it: a level-triggered poller would spin here
		p.round(t)
	}
	if n := len(calls); n != 0 {
		t.Errorf("%d more calls without more to read", n)
	}
	w.WriteString("more")
	within30s(t, "the next edge", calls)
}

func TestPollerForgets(t *testing.T) {
	p := startPoller(t)
	r, w := pipe(t)
	calls := make(chan struct{}, 100)
	if err := p.add(int(r.Fd()), unix.EPOLLIN, func() { calls <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	p.remove(int(r.Fd()))
	p.remove(int(r.Fd())) // twice is nothing
	w.WriteString("x")
	p.round(t)
	if len(calls) != 0 {
		t.Error("a descriptor that was removed is still watched")
	}
	if err := p.add(int(r.Fd()), unix.EPOLLIN, func() { calls <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	within30s(t, "the call after it was added again", calls)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watches) != 2 { // the wake-up and r
		t.Errorf("%d watches", len(p.watches))
	}
}

// A watch may remove itself and add others: no lock is held while it runs.
func TestPollerWatchMayChangeWatches(t *testing.T) {
	p := startPoller(t)
	r, w := pipe(t)
	r2, w2 := pipe(t)
	second := make(chan struct{}, 1)
	w2.WriteString("x")
	err := p.add(int(r.Fd()), unix.EPOLLIN, func() {
		p.remove(int(r.Fd()))
		if err := p.add(int(r2.Fd()), unix.EPOLLIN, func() { second <- struct{}{} }); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.WriteString("x")
	within30s(t, "the second watch", second)
}

func TestPollerRefusesWhatCannotBeWatched(t *testing.T) {
	p := startPoller(t)
	file, err := os.Open(os.Args[0]) // a regular file
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, fd := range []int{int(file.Fd()), -1} {
		if err := p.add(fd, unix.EPOLLIN, nil); err == nil {
			t.Errorf("descriptor %d is watched", fd)
		}
	}
	if len(p.watches) != 1 {
		t.Errorf("%d watches are left", len(p.watches))
	}
}
