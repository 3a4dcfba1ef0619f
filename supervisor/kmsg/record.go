package kmsg

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// Record is one record of the kernel's log, as one read(2) of /dev/kmsg returns it.
type Record struct {
	Seq  uint64        // counts the records of this boot; a gap is a loss
	At   time.Duration // since the boot, on the kernel's own clock
	Text string        // without the newline at its end
	More bool          // it continues the line of an earlier record
}

var errRecord = errors.New("not a record of /dev/kmsg: want PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT")

// ParseRecord reads "6,339,5140900,-;TEXT\n KEY=VALUE\n". Further fields before
// the semicolon (the caller, since Linux 5.1) and the properties on the lines
// after the text are passed over, as the kernel's documentation demands.
func ParseRecord(b []byte) (Record, error) {
	head, text, ok := bytes.Cut(b, []byte{';'})
	f := bytes.Split(head, []byte{','})
	if !ok || len(f) < 4 {
		return Record{}, errRecord
	}
	_, err0 := strconv.ParseUint(string(f[0]), 10, 32)
	seq, err1 := strconv.ParseUint(string(f[1]), 10, 64)
	usec, err2 := strconv.ParseInt(string(f[2]), 10, 64)
	if err0 != nil || err1 != nil || err2 != nil || usec < 0 || usec > int64(1<<63-1)/int64(time.Microsecond) {
		return Record{}, errRecord
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	// A 'c' marks what came too late to be joined to the line it belongs to; before
	// Linux 4.9 also its beginning, and '+' the rest.
	more := len(f[3]) > 0 && (f[3][0] == 'c' || f[3][0] == '+')
	return Record{Seq: seq, At: time.Duration(usec) * time.Microsecond, Text: unescape(text), More: more}, nil
}

// unescape undoes \x0a, in which the kernel writes what cannot be printed, every
// byte of what is not ASCII, and the backslash.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			if n, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
