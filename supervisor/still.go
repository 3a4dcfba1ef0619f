package supervisor

import (
	"sync/atomic"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/history"
)

// still is the time in which no process of any program has run: there is nothing to look for then.
type still struct {
	disturbed atomic.Bool          // a look is wanted all the same
	span      atomic.Pointer[span] // nil: something has run

	// The sampler's alone:
	pass  programs.Pass              // the latest
	early time.Time                  // when one looked early
	line  int64                      // bytes, the highest when_available_below of what it came by
	used  map[string]history.Program // what the runs of each program have held since; nil: not asked yet
}

// span is a time, since processStart.
type span struct{ from, to time.Duration }

// restless makes a run take part in no still time: it is over a line and to be judged again and again.
const restless time.Duration = -1

// disturb has the next round look at the runs.
func (s *still) disturb() { s.disturbed.Store(true) }

// found takes in a pass.
func (s *still) found(pass programs.Pass, line int64) { s.pass, s.line, s.used = pass, line, nil }

// lasts says that the latest pass still holds. ran is the CPU time that all runs have used.
func (s *still) lasts(now time.Time, ran time.Duration) bool {
	if s.disturbed.Swap(false) || !s.pass.Holds(now, ran) {
		s.span.Store(nil)
		return false
	}
	s.span.Store(&span{s.pass.At.Sub(processStart), now.Sub(processStart)})
	return true
}

// begin makes the next pass. known says that ran is known.
func (s *still) begin(now time.Time, ran time.Duration, known bool) programs.Pass {
	pass := programs.Pass{At: now, Ran: ran, Whole: known, Next: programs.SampleMost}
	if pass.Early = known && s.pass.Stalls(now, s.early, ran); pass.Early {
		s.early = now
	}
	return pass
}

// confirmed is until when what was seen at that time is known to have held.
func (s *still) confirmed(at time.Duration) time.Duration {
	if sp := s.span.Load(); sp != nil && at >= sp.from {
		return max(at, sp.to)
	}
	return at
}
