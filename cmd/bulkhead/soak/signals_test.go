package soak

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/hear"
)

// Signals that come while an upgrade executes the new program are not the end of
// it, and a stop that comes while they still do stops everything in order. SIGTERM can be lost in
// that moment, or end it: package hear.
func TestSignalsDuringUpgrades(t *testing.T) {
	s := newSoak(t, "auto", 30*time.Millisecond, 4*time.Second, 0, 0)
	s.settleMost = 20 * time.Second
	s.setNow("signals")
	s.crews = s.crews[:1]
	s.begin()
	r := rand.New(rand.NewPCG(s.plan.Seed, 0))
	for range 25 {
		for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP} {
			_ = syscall.Kill(s.captain.pid(), sig)
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		if s.captain.ended() {
			t.Fatalf("ended by a signal (%v):\n%s", s.captain.cmd.ProcessState, s.captain.lastWords(5))
		}
	}
	if !s.captain.up(s.settleMost) {
		t.Fatalf("no answer:\n%s", s.captain.lastWords(20))
	}
	s.end(hear.Stop)
	if state := s.captain.cmd.ProcessState; state == nil || !state.Success() {
		t.Errorf("it ended so: %v", state)
	}
	if n := s.checkLines(); n.lines == 0 {
		t.Error("nothing was printed")
	}
}
