package programs

import "time"

// Checkup is what the config says about when a run is well: a program may stop
// doing its work without ending.
type Checkup struct {
	Asks     bool          // there are checks to make
	Interval time.Duration // from the end of one to the next
	Retries  int           // failures in a row until it is unhealthy
	Start    time.Duration // since it was up; until then nothing counts against it
	Watchdog time.Duration // most time between two WATCHDOG=1, 0 any
	Silent   time.Duration // most time without output, 0 any
	Idle     time.Duration // most time without a finished job, 0 any
}

// Wanted reports whether there is anything to look at.
func (c Checkup) Wanted() bool { return c.Asks || c.Watchdog > 0 || c.Silent > 0 || c.Idle > 0 }

// Health is what is known of a run that is looked at; the zero Health is of one
// that is not yet. It is a value of one moment: its methods return the next.
// It is not remembered: a new supervisor begins to look anew.
type Health struct {
	Since time.Duration // the run was up
	Begun time.Duration // it is looked at since; 0 not at all
	Next  time.Duration // the next check; 0 there is none, or one is under way
	Asked bool          // a check is under way

	Tried  int  // checks that failed at the start and do not count
	Once   bool // one has succeeded
	Failed int  // in a row, that count

	Good   time.Duration // the last sign of health
	Output time.Duration // the newest, 0 none
	Pet    time.Duration // likewise WATCHDOG=1
	Job    time.Duration // likewise a finished job
}

// Finding is what the answer to a check means.
type Finding uint8

// What an answer can mean; a failure that does not count changes nothing.
const (
	AsBefore    Finding = iota
	BeginsFail          // the first failure that counts
	StillFails          // one more
	WellAgain           // the first success after them
	IsUnhealthy         // one too many
)

// Cause is what makes a run unhealthy.
type Cause uint8

// The causes.
const (
	NoCause Cause = iota
	ByChecks
	ByWatchdog // WATCHDOG=1 did not come
	BySilence
	ByIdleness
	ByItself // WATCHDOG=trigger
)

const (
	// askFirst is how soon a run that has just come up is asked. While it fails at
	// its start the wait doubles up to the interval.
	askFirst = time.Second
	// askJitter is the share of an interval that chance takes away, so that what was
	// started together does not stay together.
	askJitter = 0.1
)

// Look begins to look at a run that is up since then. Runs that came up together are
// spread; those that are taken over, or under new rules, over a whole interval.
func Look(c Checkup, m Moment, up time.Duration) Health {
	h := Health{Since: up, Begun: m.At, Good: m.At}
	if c.Asks {
		within := min(askFirst, c.Interval)
		if m.At-up > c.Interval {
			within = c.Interval
		}
		h.Next = m.At + spread(within, 1, m.Draw)
	}
	return h
}

// spread takes up to share of d away.
func spread(d time.Duration, share, draw float64) time.Duration {
	return d - time.Duration(float64(d)*share*draw)
}

// Due reports whether a check is to be made now.
func (h Health) Due(now time.Duration) bool { return h.Next != 0 && now >= h.Next }

// Ask notes that a check is under way. There is never a second one.
func (h Health) Ask() Health {
	h.Next, h.Asked = 0, true
	return h
}

// Abandon notes that the check under way came to nothing: another is made.
func (h Health) Abandon(c Checkup, m Moment) Health {
	h.Asked = false
	h.Next = m.At + spread(c.Interval, askJitter, m.Draw)
	return h
}

// Answer takes in what a check found.
func (h Health) Answer(c Checkup, m Moment, well bool) (Health, Finding) {
	h.Asked = false
	wait := spread(c.Interval, askJitter, m.Draw)
	found := AsBefore
	switch {
	case well:
		if !h.Once {
			wait = spread(c.Interval, 1, m.Draw)
		}
		if h.Failed > 0 {
			found = WellAgain
		}
		h.Once, h.Failed, h.Good = true, 0, m.At
	case !h.Once && m.At < h.Since+c.Start:
		wait = c.Interval
		if h.Tried < 16 { // of a second, far over every interval
			wait = min(askFirst<<h.Tried, c.Interval)
		}
		wait = spread(wait, askJitter, m.Draw)
		h.Tried++
	default:
		h.Failed++
		switch {
		case h.Failed >= c.Retries:
			found = IsUnhealthy
		case h.Failed == 1:
			found = BeginsFail
		default:
			found = StillFails
		}
	}
	h.Next = m.At + wait
	return h, found
}

// Heard takes in when it last printed something, and when it last said
// WATCHDOG=1; 0 is never.
func (h Health) Heard(output, pet time.Duration) Health {
	h.Output, h.Pet = max(h.Output, output), max(h.Pet, pet)
	h.Good = max(h.Good, h.Output, h.Pet)
	return h
}

// Worked notes a finished job.
func (h Health) Worked(at time.Duration) Health {
	h.Job, h.Good = at, max(h.Good, at)
	return h
}

// limits lists until when the run must have shown something, by cause.
func (h Health) limits(c Checkup) [3]struct {
	cause Cause
	at    time.Duration // 0: no limit
} {
	end := func(newest, most time.Duration) time.Duration {
		if most <= 0 {
			return 0
		}
		return max(max(h.Begun, newest)+most, h.Since+c.Start)
	}
	return [3]struct {
		cause Cause
		at    time.Duration
	}{
		{ByWatchdog, end(h.Pet, c.Watchdog)},
		{BySilence, end(h.Output, c.Silent)},
		{ByIdleness, end(h.Job, c.Idle)},
	}
}

// Overdue says what has not been seen for too long. Ask for the newest signs
// ([Health.Heard]) before it is believed.
func (h Health) Overdue(c Checkup, now time.Duration) Cause {
	for _, l := range h.limits(c) {
		if l.at != 0 && now >= l.at {
			return l.cause
		}
	}
	return NoCause
}

// Deadline is when to look again; ok is false while only an answer is waited for.
func (h Health) Deadline(c Checkup) (at time.Duration, ok bool) {
	at = h.Next
	for _, l := range h.limits(c) {
		if l.at != 0 && (at == 0 || l.at < at) {
			at = l.at
		}
	}
	return at, at != 0
}

// WellFor is how long the run had been well since it was up: one that never was is
// not to be started again and again at once.
func (h Health) WellFor() time.Duration { return max(h.Good-h.Since, 0) }
