package programs

import "time"

// NeedSpan is how long what was used counts, at least: what a program needs is the most of
// this span and of the one before, so that a leak which was mended is forgotten.
const NeedSpan = 7 * 24 * time.Hour

// Need is the memory that one instance of a program has used at most, learned from
// readings. The zero value knows nothing. It is kept in the state on disk.
type Need struct {
	Most   int64     // bytes, since Since
	Before int64     // bytes, in the span before
	Since  time.Time // of the wall clock: it goes on over reboots
}

// needStep keeps what grows slowly from being written down with every reading, bytes.
const needStep = 1 << 20

// Exceeds says that a reading is more than what is known by enough to be learned:
// by a 32nd, and by 1 MiB.
func Exceeds(measure, known int64) bool {
	return measure >= known+max(known/32, needStep) || known == 0 && measure > 0
}

// Learn is n after an instance was seen to use so many bytes; changed says that it
// knows more, or that a span has ended.
func (n Need) Learn(measure int64, now time.Time) (learned Need, changed bool) {
	if turned := n.at(now); turned != n {
		n, changed = turned, true
	}
	if Exceeds(measure, n.Most) {
		n.Most, changed = measure, true
	}
	return n, changed
}

// Each is what an instance needs, in bytes; 0 is not known.
func (n Need) Each(now time.Time) int64 {
	n = n.at(now)
	return max(n.Most, n.Before)
}

// at is n with the spans turned that have ended by now. A clock that was set back turns none.
func (n Need) at(now time.Time) Need {
	switch age := now.Sub(n.Since); {
	case n.Since.IsZero():
		return Need{Since: now}
	case age >= 2*NeedSpan:
		return Need{Since: now}
	case age >= NeedSpan:
		return Need{Before: n.Most, Since: n.Since.Add(NeedSpan)}
	}
	return n
}
