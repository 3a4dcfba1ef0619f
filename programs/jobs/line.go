package jobs

import "bytes"

// maxLine bounds what is kept of one line. Of a longer one the first keepHead
// bytes stay (where --json has its keys) and the last ones (where DONE is, when
// a job's own output without a newline stands in front of it).
const (
	maxLine  = 16 << 10
	keepHead = 8 << 10
	keepTail = 4 << 10
)

// lineBuffer holds an unfinished line. What it holds depends on the bytes
// alone, not on how they were cut into pieces: the middle is dropped at fixed
// offsets of the line.
type lineBuffer struct {
	buf []byte
}

func (b *lineBuffer) empty() bool   { return len(b.buf) == 0 }
func (b *lineBuffer) bytes() []byte { return b.buf }

func (b *lineBuffer) add(p []byte) {
	for len(p) > 0 {
		if len(b.buf) == maxLine {
			copy(b.buf[keepHead:], b.buf[maxLine-keepTail:])
			b.buf = b.buf[:keepHead+keepTail]
		}
		n := min(len(p), maxLine-len(b.buf))
		b.buf = append(b.buf, p[:n]...)
		p = p[n:]
	}
}

// reset forgets the line, and the memory of an unusually long one.
func (b *lineBuffer) reset() {
	if cap(b.buf) > 1<<10 {
		b.buf = nil
		return
	}
	b.buf = b.buf[:0]
}

// clean returns line without ANSI sequences and trailing white space. It
// copies only a line that has an escape in it.
func clean(line []byte) []byte {
	if bytes.IndexByte(line, 0x1b) >= 0 {
		line = stripANSI(line)
	}
	return bytes.TrimRight(line, " \t\r")
}

// stripANSI drops ESC [ parameters letter, the sequences Symfony's console
// writes; any other escape stays.
func stripANSI(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for len(line) > 0 {
		esc := bytes.IndexByte(line, 0x1b)
		if esc < 0 {
			break
		}
		out = append(out, line[:esc]...)
		if n := sequence(line[esc:]); n > 0 {
			line = line[esc+n:]
			continue
		}
		out = append(out, 0x1b)
		line = line[esc+1:]
	}
	return append(out, line...)
}

// sequence returns the length of the sequence at the start of p, 0 when there
// is none.
func sequence(p []byte) int {
	if len(p) < 3 || p[0] != 0x1b || p[1] != '[' {
		return 0
	}
	for i := 2; i < len(p); i++ {
		switch b := p[i]; {
		case b >= '0' && b <= '9', b == ';', b == '?':
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// trimEnd drops trailing white space and ANSI sequences, without copying.
func trimEnd(line []byte) []byte {
	for {
		line = bytes.TrimRight(line, " \t\r")
		if len(line) == 0 {
			return line
		}
		last := line[len(line)-1]
		if last < 'A' || last > 'z' || last > 'Z' && last < 'a' {
			return line
		}
		from := max(0, len(line)-16) // the longest sequence a console writes is shorter
		esc := bytes.LastIndexByte(line[from:], 0x1b)
		if esc < 0 || sequence(line[from+esc:]) != len(line)-from-esc {
			return line
		}
		line = line[:from+esc]
	}
}
