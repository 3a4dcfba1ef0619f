package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// moment is a time of CLOCK_MONOTONIC, which processes share.
type moment int64

func now() moment {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // cannot be: the clock is there since Linux 2.6
	}
	return moment(ts.Nano())
}

func (m moment) since(earlier moment) time.Duration { return time.Duration(m - earlier) }

// word is what a worker has said: that pid runs, or is done writing.
type word struct {
	pid  int
	done bool
	at   moment
}

// decode reads a record of worker.c's.
func decode(b []byte) word {
	pid := int(int64(binary.NativeEndian.Uint64(b)))
	w := word{pid: pid, at: moment(binary.NativeEndian.Uint64(b[8:]))}
	if pid < 0 {
		w.pid, w.done = -pid, true
	}
	return w
}

// report is the FIFO that workers tell in.
type report struct {
	path  string
	file  *os.File
	gate  *os.File
	mu    sync.Mutex
	words []word
	more  chan struct{} // closed and made anew with every word
}

func newReport(path string) (*report, error) {
	for _, p := range []string{path, path + ".go"} {
		if err := syscall.Mkfifo(p, 0o600); err != nil {
			return nil, fmt.Errorf("cannot make FIFO %q: %v", p, err)
		}
	}
	// For reading and writing: it has no end while no worker holds it.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	r := &report{path: path, file: f, more: make(chan struct{})}
	go r.read()
	return r, nil
}

func (r *report) read() {
	b := make([]byte, 16)
	for {
		if _, err := io.ReadFull(r.file, b); err != nil {
			return // closed
		}
		w := decode(b)
		r.mu.Lock()
		r.words = append(r.words, w)
		close(r.more)
		r.more = make(chan struct{})
		r.mu.Unlock()
	}
}

// release lets writers go.
func (r *report) release() (err error) {
	r.gate, err = os.OpenFile(r.path+".go", os.O_RDWR, 0)
	return err
}

func (r *report) close() {
	r.file.Close()
	if r.gate != nil {
		r.gate.Close()
	}
}

// mark is a place in what was said; words after it are news.
func (r *report) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.words)
}

// await returns the first n words of a kind after a mark. patience ends it.
func (r *report) await(ctx context.Context, mark, n int, done bool, patience time.Duration) ([]word, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := make([]word, 0, n)
	for {
		r.mu.Lock()
		for ; mark < len(r.words) && len(found) < n; mark++ {
			if w := r.words[mark]; w.done == done {
				found = append(found, w)
			}
		}
		more := r.more
		r.mu.Unlock()
		if len(found) == n {
			return found, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d workers told after %v: %w", len(found), n, patience, ctx.Err())
		}
	}
}

// last is the latest moment of words.
func last(words []word) moment {
	var m moment
	for _, w := range words {
		m = max(m, w.at)
	}
	return m
}
