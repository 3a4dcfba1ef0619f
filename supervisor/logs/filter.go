package logs

import "bytes"

// supervisord's tokens of a capture.
const (
	captureBegin = "<!--XSUPERVISOR:BEGIN-->"
	captureEnd   = "<!--XSUPERVISOR:END-->"
)

// Filter is what happens to output between FIFO and log, as a function of what is
// staged: text between the capture tokens is taken out, csi sequences
// are dropped. What it cannot decide yet (a token or a sequence that may go on, a capture
// under way) it leaves staged, so that it has no state that a successor would miss: but
// for a capture longer than holdSize, whose beginning is in memory alone.
type Filter struct {
	StripANSI bool
	Capture   int64 // the newest bytes kept of a capture; 0: tokens mean nothing

	deep bool   // a capture is under way whose beginning is not staged any more
	kept []byte // of that, the newest bytes
}

// insist says how much must be decided.
type insist int

const (
	patiently insist = iota // what may go on may be left
	makeRoom                // nothing may be left
	finally                 // nothing may be left, and no more comes: an open capture is text
)

// decided is what a filter made of the first used bytes.
type decided struct {
	out      []byte
	captured [][]byte
	used     int
	same     bool // out is what was used
}

// decide takes all that is staged.
func (f *Filter) decide(data []byte, how insist) decided {
	d := decided{same: true}
	for {
		before := d.used
		if f.deep {
			f.goOn(&d, data, how)
		} else {
			f.text(&d, data, how)
		}
		if d.used == before || d.used == len(data) {
			break
		}
	}
	if how == finally && f.deep {
		d.emit(f.newest(f.strip(f.kept)), false)
		f.deep, f.kept = false, nil
	}
	return d
}

func (d *decided) emit(p []byte, same bool) {
	d.out = append(d.out, p...)
	d.same = d.same && same
}

// text decides what comes before a capture, and a capture that is staged whole.
func (f *Filter) text(d *decided, data []byte, how insist) {
	rest := data[d.used:]
	if f.Capture == 0 {
		f.show(d, rest, how != patiently)
		return
	}
	begin := bytes.Index(rest, []byte(captureBegin))
	if begin < 0 {
		open := 0
		if how == patiently {
			open = prefixAtEnd(rest, captureBegin)
		}
		f.show(d, rest[:len(rest)-open], how != patiently) // what is open may belong to a sequence
		return
	}
	if begin > 0 {
		f.show(d, rest[:begin], true)
		return
	}
	body := rest[len(captureBegin):]
	end := bytes.Index(body, []byte(captureEnd))
	switch {
	case end >= 0:
		d.captured = append(d.captured, f.newest(f.strip(body[:end])))
		d.used += len(captureBegin) + end + len(captureEnd)
		d.same = false
	case how == finally:
		d.emit(f.strip(body), false)
		d.used = len(data)
	case how == makeRoom || len(rest) > holdSize:
		f.deep = true
		d.used += len(captureBegin)
		d.same = false
		f.goOn(d, data, how)
	}
}

// goOn decides what belongs to a capture whose beginning is in memory.
func (f *Filter) goOn(d *decided, data []byte, how insist) {
	rest := data[d.used:]
	d.same = false
	if end := bytes.Index(rest, []byte(captureEnd)); end >= 0 {
		f.keep(rest[:end])
		d.captured = append(d.captured, f.newest(f.strip(f.kept)))
		d.used += end + len(captureEnd)
		f.deep, f.kept = false, nil
		return
	}
	open := 0
	if how == patiently {
		open = prefixAtEnd(rest, captureEnd)
	}
	f.keep(rest[:len(rest)-open])
	d.used = len(data) - open
}

// keep adds to a long capture; sequences count until they are dropped.
func (f *Filter) keep(p []byte) {
	f.kept = append(f.kept, p...)
	if int64(len(f.kept)) > 2*f.Capture+holdSize { // seldom, not with each chunk
		f.kept = append([]byte(nil), f.newest(f.kept)...)
	}
}

func (f *Filter) newest(p []byte) []byte {
	return p[max(0, int64(len(p))-f.Capture):]
}

// show decides text; whole says that a sequence at its end does not go on.
func (f *Filter) show(d *decided, p []byte, whole bool) {
	if !f.StripANSI {
		d.emit(p, true)
		d.used += len(p)
		return
	}
	out, used := stripANSI(p, whole)
	d.emit(out, len(out) == used)
	d.used += used
}

func (f *Filter) strip(p []byte) []byte {
	if !f.StripANSI {
		return bytes.Clone(p)
	}
	out, _ := stripANSI(p, true)
	return out
}

// prefixAtEnd is how many bytes at p's end may be the beginning of the token.
func prefixAtEnd(p []byte, token string) int {
	for n := min(len(p), len(token)-1); n > 0; n-- {
		if string(p[len(p)-n:]) == token[:n] {
			return n
		}
	}
	return 0
}

const (
	csi = "\x1b["
	// sequenceMost bounds a sequence; what is longer is none.
	sequenceMost = 64
	// finals end the sequences that supervisord drops.
	finals = "HfABCDRsuJKhlpm"
)

// stripANSI drops the sequences of ESC [, parameters and a final character that
// supervisord drops. Where supervisord would go on dropping text until any such
// character comes, what is no sequence stays. One that is not whole is not used, unless
// nothing follows it.
func stripANSI(p []byte, whole bool) (out []byte, used int) {
	for used < len(p) {
		at := bytes.IndexByte(p[used:], csi[0])
		if at < 0 {
			return append(out, p[used:]...), len(p)
		}
		out = append(out, p[used:used+at]...)
		used += at
		n, final := sequence(p[used:])
		switch {
		case n == 0 && !whole:
			return out, used
		case n == 0:
			return append(out, p[used:]...), len(p)
		case !final:
			out = append(out, p[used:used+n]...)
		}
		used += n
	}
	return out, used
}

// sequence measures what begins with ESC: 0 when it may go on, else how long it is and
// whether it is one to be dropped.
func sequence(p []byte) (n int, drop bool) {
	if len(p) > 1 && p[1] != csi[1] {
		return 1, false
	}
	for n = len(csi); n < len(p); n++ {
		if n >= sequenceMost {
			return n, false
		}
		if p[n] < ' ' || p[n] > '?' { // not a parameter (ECMA-48, 5.4)
			drop = bytes.IndexByte([]byte(finals), p[n]) >= 0
			if drop {
				n++
			}
			return n, drop
		}
	}
	return 0, false
}
