package history

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// waiting is how many lines wait for a disk at most.
	waiting = 8
	// closeWithin bounds Close.
	closeWithin = 2 * time.Second
)

// Writer appends lines to the history of one directory, on a goroutine of its own that sleeps
// while there are none. All methods may be called from anywhere at any time, and on a nil Writer.
type Writer struct {
	file      file // the goroutine's
	bad       bool // the goroutine's: onTrouble knows
	onTrouble func(error)

	mu     sync.Mutex
	closed bool
	lines  chan Line
	lost   atomic.Int64 // lines that nobody will find
	done   chan struct{}
}

// Open begins to write to the history in dir, which there is nobody else to do: the caller
// holds dir's lock. Nothing is touched before the first line.
//
// onTrouble is told, from the writer's goroutine, when lines cannot be written (once, however
// long that lasts) and with nil when they are again. It must not call Close. What was not
// written is not written later: the next line that is says how many were lost.
func Open(dir string, onTrouble func(err error)) *Writer {
	w := &Writer{file: newFile(dir), onTrouble: onTrouble, lines: make(chan Line, waiting), done: make(chan struct{})}
	go w.run()
	return w
}

// Write appends a line. It never blocks and never fails; l's programs must not
// change any more. Behind a disk that is stuck lines are lost, and counted.
func (w *Writer) Write(l Line) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	select {
	case w.lines <- l:
	default:
		w.lost.Add(1)
	}
}

// Close writes what waits and ends the goroutine. It waits 2 s for the disk at most; then
// the goroutine ends when the disk does answer.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.lines)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-time.After(closeWithin):
		return fmt.Errorf("cannot close the history %q: the disk did not answer within %v", w.file.path, closeWithin)
	}
}

func (w *Writer) run() {
	defer close(w.done)
	for l := range w.lines {
		lost := w.lost.Swap(0)
		l.Lost = int(lost)
		b, err := l.encode()
		if err == nil {
			err = w.file.append(b)
		}
		if err != nil {
			w.lost.Add(lost + 1)
		}
		if (err != nil) != w.bad {
			w.bad = err != nil
			if w.onTrouble != nil {
				w.onTrouble(err)
			}
		}
	}
}
