package logs

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// write appends p and keeps count of what was lost. p is what g, when it is
// not nil, has staged first; it is not staged any more when write returns.
func (f *file) write(p []byte, g *stage) (int, error) {
	f.mu.Lock()
	n, err := f.put(p, g)
	g.done(len(p)) // under the lock: what the intent says of the file still holds
	f.size += int64(n)
	report := f.account(int64(len(p)-n), err)
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
	return n, err
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
		return f.w.Write(p)
	}
	return f.putOdd(p)
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
