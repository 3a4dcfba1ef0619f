package logs

import (
	"bytes"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// write appends p and keeps count of what was lost. p is what g, when it is
// not nil, has staged first; it is not staged any more when write returns.
func (f *file) write(p []byte, g *stage) (int, error) {
	f.mu.Lock()
	all := len(p)
	p = f.passOver(p, g)
	n, err := 0, error(nil)
	if len(p) > 0 {
		n, err = f.put(p, g)
	}
	g.done(len(p)) // under the lock: what the intent says of the file still holds
	f.size += int64(n)
	var report *told
	if len(p) > 0 {
		f.follow(p[:n])
		g.tear(p, err)
		report = f.account(int64(len(p)-n), err)
	}
	if err == nil && f.regular && f.w != nil && f.target.MaxBytes > 0 && f.size >= f.target.MaxBytes {
		if again := f.rotate(); again != nil && report == nil {
			report = again
		}
	}
	f.wake()
	f.mu.Unlock()
	if report != nil && f.set.OnTrouble != nil {
		f.set.OnTrouble(f.path, report.lost, report.err)
	}
	return all - len(p) + n, err
}

// put writes p to whatever is behind the path.
func (f *file) put(p []byte, g *stage) (int, error) {
	if f.stream != nil {
		return f.stream.Write(p)
	}
	if f.sinks.Load() == 0 {
		return 0, os.ErrClosed
	}
	if f.w == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	if f.regular {
		g.intend(f, len(p))
		n, err := f.w.Write(p)
		if err != nil {
			n = f.trim(p[:n])
		}
		return n, err
	}
	return f.putOdd(p)
}

// trim takes the line off the file's end that a write was cut short in: what comes after
// the loss begins on a line of its own. It returns what is left of the write.
// Nothing is taken where somebody else has written meanwhile.
func (f *file) trim(put []byte) int {
	keep := int64(lastNewline(put) + 1)
	to := f.size + keep
	if keep == 0 {
		to -= f.rest
	}
	info, err := f.w.Stat()
	if err != nil || info.Size() != f.size+int64(len(put)) || info.Size() == to || f.w.Truncate(to) != nil {
		return len(put)
	}
	if keep == 0 { // of writes before, which were not known to be in vain
		f.size -= f.rest
		f.lost.Add(f.rest)
		f.failed += f.rest
		f.rest = 0
	}
	return int(keep)
}

// follow notes how much of an unfinished line the file ends with.
func (f *file) follow(put []byte) {
	if i := lastNewline(put); i >= 0 {
		f.rest = 0
		put = put[i+1:]
	}
	f.rest += int64(len(put))
}

// passOver loses the rest of a line whose beginning was lost.
func (f *file) passOver(p []byte, g *stage) []byte {
	if g == nil || !g.torn {
		return p
	}
	skip := bytes.IndexByte(p, '\n') + 1
	g.torn = skip == 0
	if g.torn {
		skip = len(p)
	}
	g.done(skip)
	f.lost.Add(int64(skip))
	f.failed += int64(skip)
	return p[skip:]
}

// tear notes that a loss ended within a line.
func (g *stage) tear(p []byte, err error) {
	if g != nil {
		g.torn = err != nil && p[len(p)-1] != '\n'
	}
}

// putOdd writes to a fifo or a device. One that stalls holds its writers up for
// stallLimit once, then not at all until it takes something again; one
// whose reader has gone is opened anew by the next write.
func (f *file) putOdd(p []byte) (int, error) {
	limit := f.set.stallLimit
	if f.stalled {
		limit = time.Millisecond
	}
	// Devices outside the poller (/dev/null) know no deadline and never stall.
	_ = f.w.SetWriteDeadline(time.Now().Add(limit))
	n, err := f.w.Write(p)
	f.stalled = errors.Is(err, os.ErrDeadlineExceeded)
	if errors.Is(err, unix.EPIPE) {
		f.close()
	}
	return n, err
}

// told is one call of OnTrouble that is due once the lock is given back.
type told struct {
	lost int64
	err  error
}

func (f *file) account(lost int64, err error) *told {
	if err != nil {
		f.lost.Add(lost)
		f.failed += lost
		if f.trouble {
			return nil
		}
		f.trouble = true
		return &told{lost, cause(err)}
	}
	if !f.trouble {
		return nil
	}
	t := &told{lost: f.failed}
	f.trouble, f.failed = false, 0
	return t
}
