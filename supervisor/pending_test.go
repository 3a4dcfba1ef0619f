package supervisor

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pending
		took := func(most time.Duration) time.Duration {
			start := time.Now()
			p.wait(most)
			return time.Since(start)
		}
		if d := took(time.Hour); d != 0 {
			t.Errorf("waited %v for nothing", d)
		}
		p.add()
		p.add()
		if d := took(time.Second); d != time.Second {
			t.Errorf("waited %v for what does not end, want a second", d)
		}
		waited := make(chan time.Duration)
		for range 2 {
			go func() { waited <- took(time.Hour) }()
		}
		time.Sleep(3 * time.Second)
		p.done()
		time.Sleep(4 * time.Second)
		p.done()
		for range 2 {
			if d := <-waited; d != 7*time.Second {
				t.Errorf("waited %v, want 7s", d)
			}
		}
		p.add() // and it can be used again
		if d := took(time.Minute); d != time.Minute {
			t.Errorf("waited %v, want a minute", d)
		}
		p.done()
		if d := took(time.Minute); d != 0 {
			t.Errorf("waited %v for nothing", d)
		}
	})
}
