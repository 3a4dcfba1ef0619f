package logs

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// holdSize bounds an unfinished line that is kept for its continuation.
	holdSize = 32 << 10
	// holdTime bounds how long it is kept.
	holdTime = 50 * time.Millisecond
)

// Pump moves one stream from its FIFO to its sink, on a goroutine of its own: what
// the FIFO has goes to the stage, from there to the tap and to the log, in that order.
//
// Every chunk is written as it was read. Only where several writers share the
// file is an unfinished last line kept staged, until the rest of it is read or
// holdTime has passed, so that no other writer's output tears it apart.
type Pump struct {
	r        *os.File
	raw      syscall.RawConn
	out      Outlet
	tap      func([]byte)
	ended    func()
	holdTime time.Duration
	done     chan struct{}

	last atomic.Int64 // when a chunk was read, nanoseconds since pumpStart; 0 never

	mu     sync.Mutex // orders the settings of r's deadline
	drains []chan struct{}
	over   bool // the goroutine takes no more drains

	// The goroutine's own.
	stage     stage
	moved     int64     // bytes read
	heldUntil time.Time // the zero time while no unfinished line is staged
}

// Done is closed when everything that was read has been written and no more will be.
func (p *Pump) Done() <-chan struct{} { return p.done }

// pumpStart is where Last counts from, on the monotonic clock.
var pumpStart = time.Now()

// Last is when something was read last, the zero time when nothing has been.
func (p *Pump) Last() time.Time {
	at := p.last.Load()
	if at == 0 {
		return time.Time{}
	}
	return pumpStart.Add(time.Duration(at))
}

// Drain returns once everything that was in the pipe when it was called is
// written, and says so, the end of a token or a capture that was never completed
// too; false means that timeout passed first, as behind a stuck disk. The
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

// Close stops reading. What is in the FIFO stays there and an unfinished line
// stays in the books, both for whoever opens the stream next; Drain first when
// there is nobody. A process that goes on writing is not told: it waits when the FIFO is
// full. Close does not wait for Done.
func (p *Pump) Close() error {
	if err := p.r.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (p *Pump) run() {
	err := p.begin()
	for err == nil {
		err = p.read(true)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = p.woken()
		}
	}
	p.end(err)
}

// begin hands on what an earlier supervisor has left.
func (p *Pump) begin() error {
	p.stage.resume()
	if p.stage.empty() {
		p.stage.settle()
		return nil
	}
	p.handOn(p.stage.untapped())
	return nil
}

// end writes what no successor can and lets every waiting Drain go. Other errors
// than the end of the pipe and its being closed there are none worth telling.
func (p *Pump) end(err error) {
	if p.stage.slot == 0 || err == io.EOF {
		p.flush(finally)
	}
	p.Close()
	p.ended()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	close(p.done)
}

// woken is called when the deadline has passed: for a drain, for a held line,
// or for both.
func (p *Pump) woken() error {
	p.mu.Lock()
	drains := p.drains
	p.drains = nil
	_ = p.r.SetReadDeadline(time.Time{})
	p.mu.Unlock()
	var err error
	how := patiently
	if len(drains) > 0 {
		err = p.drain()
		how = finally
	}
	p.flush(how)
	for _, ack := range drains {
		close(ack)
	}
	return err
}

// drain reads what is in the pipe now, however fast others refill it.
func (p *Pump) drain() error {
	left := 0 // FIONREAD, which Linux also calls TIOCINQ
	err := p.raw.Control(func(fd uintptr) {
		left, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	})
	for err == nil && left > 0 {
		before := p.moved
		err = p.read(false)
		left -= int(p.moved - before)
	}
	if err == unix.EAGAIN {
		return nil
	}
	return err
}

// read moves one chunk to the stage and hands it on. Without wait it is
// unix.EAGAIN when there is none. A stage is taken only around the system call.
func (p *Pump) read(wait bool) (err error) {
	var fresh []byte
	attempt := func(fd uintptr) bool {
		fresh, err = p.stage.fill(int(fd))
		return err != unix.EAGAIN
	}
	var rawErr error
	if wait {
		rawErr = p.raw.Read(attempt)
	} else {
		// Not Read: the deadline of the next Drain must not end this one's reading.
		rawErr = p.raw.Control(func(fd uintptr) { attempt(fd) })
	}
	switch {
	case rawErr != nil:
		return rawErr
	case err == errHeld:
		p.flush(makeRoom)
		return nil
	case err != nil:
		return err
	}
	p.moved += int64(len(fresh))
	if len(fresh) > 0 {
		p.last.Store(int64(time.Since(pumpStart)))
	}
	p.handOn(fresh)
	return nil
}

// handOn hands on what is staged; only its last part is new to the tap.
func (p *Pump) handOn(fresh []byte) {
	if p.tap != nil && len(fresh) > 0 {
		p.tap(fresh)
	}
	data := p.stage.data()
	whole := len(data)
	if p.out.Sink != nil && p.out.Sink.sharing() {
		whole = lastNewline(data) + 1
		if len(data)-whole > holdSize {
			whole = len(data)
		}
	}
	if whole > 0 {
		p.put(data[:whole], patiently)
		p.heldUntil = time.Time{}
	}
	p.hold()
}

// hold keeps an unfinished line staged; the time runs from its first byte. What a
// filter cannot decide waits there for longer.
func (p *Pump) hold() {
	p.stage.settle()
	held := !p.heldUntil.IsZero()
	switch {
	case p.stage.empty() && held:
		p.heldUntil = time.Time{}
	case p.stage.empty():
		return
	case !held:
		p.heldUntil = time.Now().Add(p.holdTime)
	}
	p.setDeadline(p.heldUntil)
}

// flush writes a held line as it stands.
func (p *Pump) flush(how insist) {
	p.heldUntil = time.Time{}
	if data := p.stage.data(); len(data) > 0 || how == finally && !p.out.plain() {
		p.put(data, how)
	}
	p.stage.settle()
}

// setDeadline leaves the deadline alone while a drain waits for its wake-up.
func (p *Pump) setDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.drains) == 0 {
		_ = p.r.SetReadDeadline(t)
	}
}
