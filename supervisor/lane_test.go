package supervisor

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestLaneKeepsOrder(t *testing.T) {
	var l lane
	var got []int // unguarded: a lane does one thing at a time, which -race checks
	for i := range 1000 {
		l.do(func() { got = append(got, i) })
	}
	flush(&l)
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d done, in order: %v", len(got), slices.IsSorted(got))
	}
}

// flush waits until all that was given to the lane is done.
func flush(l *lane) {
	done := make(chan struct{})
	l.do(func() { close(done) })
	<-done
}

func TestLaneOrderOfEachCaller(t *testing.T) {
	var l lane
	var got [4][]int
	var all sync.WaitGroup
	for who := range got {
		all.Go(func() {
			for i := range 200 {
				l.do(func() { got[who] = append(got[who], i) })
			}
		})
	}
	all.Wait()
	flush(&l)
	for who, list := range got {
		if len(list) != 200 || !slices.IsSorted(list) {
			t.Errorf("caller %d: %d done, in order: %v", who, len(list), slices.IsSorted(list))
		}
	}
}

// A caller never waits, not even for what blocks; what is given from inside
// comes last.
func TestLaneDoesNotHoldUpItsCaller(t *testing.T) {
	var l lane
	var got []string
	stuck := make(chan struct{})
	l.do(func() {
		<-stuck
		l.do(func() { got = append(got, "from inside") })
		got = append(got, "stuck")
	})
	l.do(func() { got = append(got, "next") })
	close(stuck)
	flush(&l)
	flush(&l) // the first flush may stand before what came from inside
	equal(t, "done", got, []string{"stuck", "next", "from inside"})
}

func TestIdleLaneHasNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var l lane
	for range 3 {
		flush(&l)
	}
	goleak.VerifyNone(t, before)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.going || l.todo != nil {
		t.Errorf("an idle lane keeps %d things, going %v", len(l.todo), l.going)
	}
}
