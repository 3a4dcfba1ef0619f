package logs

import (
	"bytes"
	"errors"
	"fmt"
	"log/syslog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// syslogQueue is how many lines may wait for a syslog that does not take them.
	syslogQueue = 4096
	// syslogLineMost is how long a line of output may be before it is sent in parts.
	syslogLineMost = 8 << 10
	// syslogAgain is how long a syslog that cannot be reached is left alone.
	syslogAgain = time.Second
	// syslogEnd is how long Close waits for what is queued.
	syslogEnd = 2 * time.Second
)

// Syslog sends lines to the host's syslog(3) socket, from a goroutine of its own: one
// that does not take them, or is not there, costs lines, never its writers' time.
// Its methods may be called from any goroutine.
type Syslog struct {
	// OnTrouble, when set before the first line, is told once when lines begin to be lost
	// and once more, with a nil error and their number, when they go through again.
	OnTrouble func(lost int64, err error)

	dial  func() (lineSender, error)
	lines chan string
	lost  atomic.Int64
	stop  chan struct{}
	done  chan struct{}
	end   sync.Once
}

// lineSender is a *syslog.Writer.
type lineSender interface {
	Info(line string) error
	Close() error
}

// NewSyslog returns one whose lines are of facility user, priority info, and tag. It
// connects with the first line.
func NewSyslog(tag string) *Syslog {
	return newSyslog(func() (lineSender, error) { return syslog.New(syslog.LOG_USER|syslog.LOG_INFO, tag) })
}

func newSyslog(dial func() (lineSender, error)) *Syslog {
	s := &Syslog{dial: dial, lines: make(chan string, syslogQueue), stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

// Line sends one line, which has no end of its own.
func (s *Syslog) Line(line string) {
	select {
	case s.lines <- line:
	default:
		s.lost.Add(1)
	}
}

// Write sends each line of p: a Syslog can be a program's own log.
func (s *Syslog) Write(p []byte) (int, error) {
	for line := range bytes.SplitSeq(bytes.TrimRight(p, "\n"), []byte("\n")) {
		s.Line(string(line))
	}
	return len(p), nil
}

// Lost is how many lines were lost.
func (s *Syslog) Lost() int64 { return s.lost.Load() }

// Close sends what is queued, if that can be done, and ends.
func (s *Syslog) Close() error {
	s.end.Do(func() { close(s.stop) })
	timer := time.NewTimer(syslogEnd)
	defer timer.Stop()
	select {
	case <-s.done:
		return nil
	case <-timer.C:
		return errors.New("cannot send the last lines to syslog: it does not take them")
	}
}

func (s *Syslog) run() {
	defer close(s.done)
	c := sender{s: s}
	defer c.close()
	for {
		select {
		case line := <-s.lines:
			c.send(line)
		case <-s.stop:
			for len(s.lines) > 0 {
				c.send(<-s.lines)
			}
			return
		}
	}
}

// sender is the goroutine's connection.
type sender struct {
	s     *Syslog
	w     lineSender
	again time.Time // no connection is tried before
	known int64     // lines lost that have been told
	down  bool
}

func (c *sender) send(line string) {
	if err := c.try(line); err != nil {
		c.s.lost.Add(1)
		if !c.down {
			c.down = true
			c.tell(0, fmt.Errorf("cannot write to syslog: %w", err))
		}
		return
	}
	if lost := c.s.lost.Load(); lost > c.known {
		c.tell(lost-c.known, nil)
		c.known, c.down = lost, false
	}
}

func (c *sender) try(line string) error {
	if c.w == nil {
		if time.Now().Before(c.again) {
			return errors.New("it could not be reached a moment ago")
		}
		w, err := c.s.dial()
		if err != nil {
			c.again = time.Now().Add(syslogAgain)
			return err
		}
		c.w = w
	}
	err := c.w.Info(line)
	if err != nil {
		c.close()
	}
	return err
}

func (c *sender) close() {
	if c.w != nil {
		c.w.Close()
		c.w = nil
	}
}

func (c *sender) tell(lost int64, err error) {
	if c.s.OnTrouble != nil {
		c.s.OnTrouble(lost, err)
	}
}

// Lines makes lines of a stream's output and sends each after a name. Empty ones are
// left out; the beginning of a line that is not whole is in memory alone.
type Lines struct {
	to   *Syslog
	name string
	rest []byte
}

// Lines returns what sends a stream's output, each line as "name line".
func (s *Syslog) Lines(name string) *Lines { return &Lines{to: s, name: name} }

func (l *Lines) put(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		part = part[:min(len(part), syslogLineMost-len(l.rest))]
		l.rest = append(l.rest, part...)
		p = p[len(part):]
		switch {
		case len(p) > 0 && p[0] == '\n':
			p = p[1:]
			l.flush()
		case len(l.rest) >= syslogLineMost:
			l.flush()
		}
	}
}

func (l *Lines) flush() {
	if len(l.rest) > 0 {
		l.to.Line(l.name + " " + string(l.rest))
		l.rest = l.rest[:0]
	}
}
