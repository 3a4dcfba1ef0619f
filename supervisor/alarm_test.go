package supervisor

import (
	"testing"
	"testing/synctest"
	"time"
)

// goTimer is one of Go's: its time may be a test's.
type goTimer struct {
	timer *time.Timer
	ended chan struct{}
}

func newGoTimer() goTimer {
	t := goTimer{time.NewTimer(time.Hour), make(chan struct{})}
	t.timer.Stop()
	return t
}

func (t goTimer) set(d time.Duration) { t.timer.Reset(d) }

func (t goTimer) wait() bool {
	select {
	case <-t.timer.C:
		return true
	case <-t.ended:
		return false
	}
}

func (t goTimer) close() { close(t.ended) }

// An alarm rings at the earliest time that it was asked for since it rang, and once.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alarm{timer: newGoTimer()}
		began := time.Now()
		rings := func(at time.Duration) {
			t.Helper()
			if !a.wait() || time.Since(began) != at*time.Second {
				t.Errorf("it rings after %v, want %d s", time.Since(began), at)
			}
		}
		a.within(15 * time.Second)
		rings(15)
		a.within(15 * time.Second)
		a.within(2 * time.Second)
		a.within(3 * time.Second)
		rings(17)
		go func() {
			time.Sleep(5 * time.Second)
			a.within(time.Second)
		}()
		a.within(15 * time.Second)
		rings(23)
		a.within(15 * time.Second)
		go func() {
			time.Sleep(5 * time.Second)
			a.timer.close()
		}()
		if a.wait() {
			t.Error("it rings when it is closed")
		}
	})
}

// The kernel's timer: it can be set anew while somebody waits, waits for no time too, and ends.
func TestKernelTimer(t *testing.T) {
	k, err := newKernelTimer()
	if err != nil {
		t.Fatal(err)
	}
	rung := make(chan bool)
	go func() {
		for {
			rang := k.wait()
			rung <- rang
			if !rang {
				return
			}
		}
	}()
	k.set(time.Hour)
	for _, d := range []time.Duration{time.Millisecond, 0, -time.Second} {
		k.set(d)
		if !within30s(t, "the timer", rung) {
			t.Error("it ends before it is closed")
		}
	}
	k.set(time.Hour)
	k.close()
	if within30s(t, "its end", rung) {
		t.Error("it rings when it is closed")
	}
	k.set(time.Second) // nobody is there any more
	if k.wait() {
		t.Error("it rings after it was closed")
	}
}
