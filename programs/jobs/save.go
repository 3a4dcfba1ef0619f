package jobs

import (
	"encoding/binary"
	"errors"
	"time"
)

// SaveMost bounds what Save returns, in bytes.
const SaveMost = 700

const (
	saveVersion = 1
	saveName    = 160 // what is kept of a job's name
)

const (
	saveStarted = 1 << iota
	saveBusy
	saveFailed
	saveTimedOut
)

// Save returns what the counter has to know to go on after the last chunk, for
// Restore. It is at most SaveMost bytes, and nil for a new counter: of a long name the start
// is kept, of a long unfinished line start and end, as of one that is longer than
// maxLine. What was finished is not in it.
func (c *Counter) Save() []byte {
	flags := uint64(0)
	for i, set := range [...]bool{c.started, c.p.Busy, c.p.Failed, c.p.TimedOut} {
		if set {
			flags |= 1 << i
		}
	}
	if flags == 0 && c.p.LastJob == "" && c.p.LastEnd.IsZero() && c.line.empty() {
		return nil
	}
	b := make([]byte, 0, 256)
	b = binary.AppendUvarint(append(b, saveVersion), flags)
	for _, name := range [...]string{c.p.Job, c.p.LastJob} {
		name = name[:min(len(name), saveName)]
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	}
	since := c.lineSince
	if c.line.empty() {
		since = time.Time{}
	}
	for _, t := range [...]time.Time{c.p.Since, c.p.LastSince, c.p.LastEnd, since} {
		b = binary.AppendVarint(b, nanoseconds(t))
	}
	line := c.line.bytes()
	if room := SaveMost - len(b); len(line) > room {
		b = append(b, line[:room/2]...)
		line = line[len(line)-(room-room/2):]
	}
	return append(b, line...)
}

var errSaved = errors.New("cannot read the saved state of a job counter")

// Restore makes a new counter of the same format go on where the saved one was.
// On an error the counter stays as it was.
func (c *Counter) Restore(saved []byte) error {
	if len(saved) == 0 {
		return nil
	}
	if saved[0] != saveVersion || len(saved) > SaveMost {
		return errSaved
	}
	r := reader{rest: saved[1:]}
	flags := r.uvarint()
	p := Progress{
		Busy:     flags&saveBusy != 0,
		Failed:   flags&saveFailed != 0,
		TimedOut: flags&saveTimedOut != 0,
		Job:      r.name(),
		LastJob:  r.name(),
	}
	p.Since, p.LastSince, p.LastEnd = r.time(), r.time(), r.time()
	since := r.time()
	if r.bad || flags >= saveTimedOut<<1 {
		return errSaved
	}
	c.p, c.started, c.lineSince = p, flags&saveStarted != 0, since
	c.line.reset()
	c.line.add(r.rest)
	return nil
}

// nanoseconds is 0 for the zero time, whose number would not be defined.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// reader takes values off the front; one that is not there makes it bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) took(n int) {
	if n <= 0 {
		r.bad, n = true, 0
	}
	r.rest = r.rest[n:]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.took(n)
	return v
}

func (r *reader) time() time.Time {
	v, n := binary.Varint(r.rest)
	r.took(n)
	if v == 0 {
		return time.Time{}
	}
	return time.Unix(0, v)
}

func (r *reader) name() string {
	n := r.uvarint()
	if n > uint64(min(len(r.rest), saveName)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
