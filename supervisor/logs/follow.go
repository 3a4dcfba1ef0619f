package logs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// pollEvery is how often a file is looked at that nobody writes through us.
const pollEvery = 250 * time.Millisecond

// Follower reads a log as it grows. One goroutine at a time may call Read.
type Follower struct {
	ctx    context.Context
	cancel context.CancelFunc
	f      *file
	woken  chan struct{}
	closed sync.Once

	mu    sync.Mutex // Close against Read
	r     *os.File
	id    fileID // of r
	at    int64
	epoch uint64
	lost  bool
}

// Follow returns a reader of the last n bytes of the log at path and then of
// what is appended, across rotation and clear, until ctx ends or Close: then
// Read returns io.EOF. While the file is open as a sink its writes wake the reader;
// otherwise it looks every 250 ms. A missing file is an fs.ErrNotExist.
func (s *Set) Follow(ctx context.Context, path string, n int64) (*Follower, error) {
	return s.follow(ctx, path, func(w *Follower) error {
		info, err := w.open(path)
		if err == nil {
			w.at = max(0, info.Size()-max(0, n))
		}
		return err
	})
}

// follow makes a follower; begin opens its file and says where in it to read.
func (s *Set) follow(ctx context.Context, path string, begin func(*Follower) error) (*Follower, error) {
	f := s.hold(path)
	w := &Follower{f: f, woken: make(chan struct{}, 1)}
	if err := w.begin(begin); err != nil {
		s.release(f)
		return nil, err
	}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w, nil
}

func (w *Follower) begin(where func(*Follower) error) error {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream != nil {
		return fmt.Errorf("cannot read log file %q: not a regular file", f.path)
	}
	w.epoch = f.epoch.Load()
	if err := where(w); err != nil {
		if w.r != nil {
			w.r.Close()
		}
		return err
	}
	if f.readers == nil {
		f.readers = make(map[chan struct{}]struct{})
	}
	f.readers[w.woken] = struct{}{}
	return nil
}

// open makes path the file that is read, from its start; the one before it
// stays when it cannot.
func (w *Follower) open(path string) (fs.FileInfo, error) {
	r, err := openRead(path)
	if err != nil {
		return nil, err
	}
	info, err := r.Stat()
	var id fileID
	if err == nil {
		id, err = idOf(r)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("cannot read log file %q: %v", path, cause(err))
	}
	if w.r != nil {
		w.r.Close()
	}
	w.r, w.id, w.at = r, id, 0
	return info, nil
}

// Read returns what there is, or waits for more.
func (w *Follower) Read(p []byte) (int, error) {
	for {
		if w.ctx.Err() != nil {
			return 0, io.EOF
		}
		n, err := w.next(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if !w.wait() {
			return 0, io.EOF
		}
	}
}

// Close ends the follower; a Read that waits returns io.EOF.
func (w *Follower) Close() error {
	w.closed.Do(func() {
		w.cancel()
		w.f.mu.Lock()
		delete(w.f.readers, w.woken)
		w.f.mu.Unlock()
		w.mu.Lock()
		w.r.Close()
		w.mu.Unlock()
		w.f.set.release(w.f)
	})
	return nil
}

// wait returns when there may be more to read, and false when it is over.
func (w *Follower) wait() bool {
	var tick <-chan time.Time
	if w.f.sinks.Load() == 0 {
		timer := time.NewTimer(pollEvery)
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-w.woken:
	case <-tick:
	case <-w.ctx.Done():
		return false
	}
	return true
}

// next reads on, through truncation and rotation; 0 means that all is read.
func (w *Follower) next(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		n, err := w.r.ReadAt(p, w.at)
		// Asked after the read: what follows a truncation is written after it is counted.
		if now := w.f.epoch.Load(); now != w.epoch {
			w.at, w.epoch = 0, now
			continue
		}
		if n > 0 {
			w.at += int64(n)
			return n, nil
		}
		if err != nil && err != io.EOF {
			if w.ctx.Err() != nil {
				return 0, io.EOF
			}
			return 0, fmt.Errorf("cannot read log file %q: %v", w.f.path, cause(err))
		}
		if more, err := w.advance(); !more || err != nil {
			return 0, err
		}
	}
}

// advance is called at the end of the file in hand. It says whether there is
// something to read after all: in the same file, from its start after a truncation, or
// in the one that came after it. The lock keeps our own writers from rotating meanwhile.
func (w *Follower) advance() (bool, error) {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	mine, err := w.r.Stat()
	if err != nil {
		if w.ctx.Err() != nil {
			return false, io.EOF
		}
		return false, fmt.Errorf("cannot read log file %q: %v", f.path, cause(err))
	}
	if mine.Size() < w.at {
		w.at = 0
		return mine.Size() > 0, nil
	}
	if mine.Size() > w.at {
		return true, nil
	}
	next, ok := f.successor(mine)
	if !ok {
		return false, nil
	}
	// A writer that is not ours may have used the time since.
	if mine, err = w.r.Stat(); err == nil && mine.Size() > w.at {
		return true, nil
	}
	if _, err := w.open(next); err != nil {
		return false, nil // removed, not yet there again: looked for at the next wake-up
	}
	return true, nil
}

// successor names the file that was begun after the one mine describes; false
// means that mine is still being written, or that there is no log now. A file
// that is found nowhere (cleared, or rotated out of reach) is followed by the
// log itself.
func (f *file) successor(mine fs.FileInfo) (string, bool) {
	if f.w != nil {
		// Somebody else may have renamed it, and we not yet been told to reopen.
		if ours, err := f.w.Stat(); err == nil && os.SameFile(mine, ours) {
			return "", false
		}
	}
	base, err := os.Stat(f.path)
	if err != nil || os.SameFile(mine, base) {
		return "", false
	}
	for n := 1; ; n++ {
		info, err := os.Stat(f.backup(n))
		if err != nil {
			return f.path, true
		}
		if os.SameFile(mine, info) {
			return f.backup(n - 1), true
		}
	}
}
