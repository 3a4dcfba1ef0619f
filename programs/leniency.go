package programs

import "time"

// Leniency is what a run over its max_memory is in for. The zero value is strict: the
// line is the line.
type Leniency struct {
	Most int64         // bytes, above the line: a burst that gets there is one no more; 0: strict
	Span time.Duration // how long a burst may last
}

// Judge is what a measure means: over says that the run is to be recycled, and burst
// since when it is over the line and let be; the zero time: it is not. since is what
// the last measure said. That the run was below the line in between, unseen, does not
// end a burst.
func (l Leniency) Judge(since time.Time, line, measure int64, now time.Time) (over bool, burst time.Time) {
	switch {
	case measure < line:
		return false, time.Time{}
	case measure >= l.Most: // at once, where it is 0
		return true, time.Time{}
	case since.IsZero():
		return false, now
	}
	return now.Sub(since) >= l.Span, since
}
