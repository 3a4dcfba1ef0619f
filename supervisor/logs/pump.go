package logs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// chunkSize is what a pipe holds (pipe(7)): one read empties it.
	chunkSize = 64 << 10
	// holdSize bounds an unfinished line that is kept for its continuation.
	holdSize = 32 << 10
	// holdTime bounds how long it is kept.
	holdTime = 50 * time.Millisecond
)

// chunks are the read buffers of pumps that have something to read; a pump that
// waits has none.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// Pump moves one stream from its pipe to its sink, on a goroutine of its own.
//
// Every chunk is written as it was read. Only where several writers share the
// file is an unfinished last line kept back, until the rest of it is read or
// holdTime has passed, so that no other writer's output tears it apart.
type Pump struct {
	r    *os.File
	raw  syscall.RawConn
	sink *Sink
	tap  func([]byte)
	done chan struct{}

	mu     sync.Mutex // orders the settings of r's deadline
	drains []chan struct{}
	over   bool // the goroutine takes no more drains

	// The goroutine's own.
	held      []byte // an unfinished line, nil when there is none
	heldUntil time.Time
}

// StartPump reads r, the read end of a pipe (see NewPipe), until its end or
// Close, and owns it from now on. Each chunk goes to tap, then to sink, both in reading
// order; either may be nil, and without a sink the output is thrown away. tap must
// not keep the chunk. The sink stays the caller's, to be closed after Done.
func StartPump(r *os.File, sink *Sink, tap func(chunk []byte)) (*Pump, error) {
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Pump{r: r, raw: raw, sink: sink, tap: tap, done: make(chan struct{})}
	go p.run()
	return p, nil
}

// Done is closed when everything that was read has been written and no more will be.
func (p *Pump) Done() <-chan struct{} { return p.done }

// Drain returns once everything that was in the pipe when it was called is
// written, and says so; false means that timeout passed first, as behind a stuck disk. The
// pump goes on: processes that outlived the main one may hold the pipe open.
func (p *Pump) Drain(timeout time.Duration) bool {
	ack := make(chan struct{})
	p.mu.Lock()
	if !p.over {
		p.drains = append(p.drains, ack)
		_ = p.r.SetReadDeadline(time.Unix(1, 0)) // wakes the goroutine
	}
	p.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-ack:
		return true
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// Close closes the pipe: what is still in it is lost (Drain first), and a
// process that goes on writing gets EPIPE. It does not wait for Done.
func (p *Pump) Close() error {
	if err := p.r.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (p *Pump) run() {
	defer p.end()
	for {
		_, err := p.read(true)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !p.woken() {
				return
			}
		default: // io.EOF, os.ErrClosed; a pipe has no others worth telling
			return
		}
	}
}

// end writes what is left and lets every waiting Drain go.
func (p *Pump) end() {
	p.flush()
	p.Close()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	close(p.done)
}

// woken is called when the deadline has passed: for a drain, for a held line,
// or for both. It says whether the stream goes on.
func (p *Pump) woken() bool {
	p.mu.Lock()
	drains := p.drains
	p.drains = nil
	_ = p.r.SetReadDeadline(time.Time{})
	p.mu.Unlock()
	if len(drains) == 0 {
		p.flush()
		return true
	}
	open := p.drain()
	p.flush()
	for _, ack := range drains {
		close(ack)
	}
	return open
}

// drain reads what is in the pipe now, however fast others refill it, and says
// whether the stream goes on.
func (p *Pump) drain() bool {
	left := 0 // FIONREAD, which Linux also calls TIOCINQ
	err := p.raw.Control(func(fd uintptr) {
		left, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	})
	for err == nil && left > 0 {
		var n int
		if n, err = p.read(false); n == 0 && err == nil {
			break
		}
		left -= n
	}
	return err == nil
}

// read reads one chunk and hands it on. Without wait it returns 0 when there
// is none. A buffer is taken only around the system call.
func (p *Pump) read(wait bool) (n int, err error) {
	var chunk *[chunkSize]byte
	kept := 0
	attempt := func(fd uintptr) bool {
		chunk = chunks.Get().(*[chunkSize]byte)
		kept = copy(chunk[:], p.held)
		n, err = ignoringEINTR(int(fd), chunk[kept:])
		if err != unix.EAGAIN {
			return true
		}
		chunks.Put(chunk)
		chunk, n, err = nil, 0, nil
		return false
	}
	var rawErr error
	if wait {
		rawErr = p.raw.Read(attempt)
	} else {
		// Not Read: the deadline of the next Drain must not end this one's reading.
		rawErr = p.raw.Control(func(fd uintptr) { attempt(fd) })
	}
	if chunk != nil {
		defer chunks.Put(chunk)
	}
	switch {
	case rawErr != nil:
		return 0, rawErr
	case err != nil:
		return 0, err
	case n > 0:
		p.handOn(chunk[:kept+n], kept)
	case chunk != nil:
		return 0, io.EOF
	}
	return n, nil
}

func ignoringEINTR(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// handOn hands on what was read; its first kept bytes were held back before.
func (p *Pump) handOn(data []byte, kept int) {
	if p.tap != nil {
		p.tap(data[kept:])
	}
	if p.sink == nil {
		return
	}
	if !p.sink.sharing() {
		p.held = nil
		_, _ = p.sink.Write(data)
		return
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if len(data)-whole > holdSize {
		whole = len(data)
	}
	if whole > 0 {
		_, _ = p.sink.Write(data[:whole])
		p.held = nil
	}
	p.hold(data[whole:], kept)
}

// hold keeps rest; the time runs from the line's first byte.
func (p *Pump) hold(rest []byte, kept int) {
	if len(rest) == 0 {
		p.setDeadline(time.Time{})
		return
	}
	fresh := p.held == nil
	p.held = append(p.held[:0], rest...)
	if fresh {
		p.heldUntil = time.Now().Add(holdTime)
	}
	p.setDeadline(p.heldUntil)
}

// flush writes a held line as it stands.
func (p *Pump) flush() {
	if len(p.held) > 0 {
		_, _ = p.sink.Write(p.held)
	}
	p.held = nil
}

// setDeadline leaves the deadline alone while a drain waits for its wake-up.
func (p *Pump) setDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.drains) == 0 {
		_ = p.r.SetReadDeadline(t)
	}
}
