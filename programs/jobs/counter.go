package jobs

import (
	"bytes"
	"regexp"
	"time"
)

// Format names the lines a worker writes about its jobs.
type Format string

const (
	None    Format = "none"
	Laravel Format = "laravel" // queue:work of Laravel 8 to 13, text or --json, with or without ANSI
	Symfony Format = "symfony" // messenger:consume -vv through Monolog's console handler
)

// Formats lists every format, for validation and help.
func Formats() []Format { return []Format{None, Laravel, Symfony} }

// Progress is what a run's output has told so far. Finished alone is a
// difference: the jobs that ended since the previous call.
type Progress struct {
	Finished int

	Busy  bool      // a job is in hand
	Job   string    // its name, as the worker prints it
	Since time.Time // when its start was read

	Failed    bool      // the last job that ended did so with a failure
	TimedOut  bool      // a TimeoutExceededException was seen since the last start
	LastJob   string    // the job that ended last, "" when none did
	LastSince time.Time // when its start was read; the zero time when no start was seen
	LastEnd   time.Time
}

// Counter reads the output of one run. A new run needs a new Counter.
// It is not safe for concurrent use.
type Counter struct {
	classify func(c *Counter, line []byte, now time.Time)
	laravel  bool
	pattern  *regexp.Regexp

	p       Progress
	started bool // a start line has been seen in this run

	line      lineBuffer
	lineSince time.Time // when the unfinished line's first byte was read
}

// New returns a counter for one run. With a pattern, each line that matches it
// is one finished job, and the format only tells which job is in hand; the
// pattern sees the line without ANSI sequences and trailing white space.
func New(format Format, pattern *regexp.Regexp) *Counter {
	c := &Counter{pattern: pattern}
	switch format {
	case Laravel:
		c.classify, c.laravel = (*Counter).laravelLine, true
	case Symfony:
		c.classify = (*Counter).symfonyLine
	}
	return c
}

// Feed reads the next chunk of the output. Chunks may be cut anywhere: the sum
// of what Feed reports does not depend on it. It keeps nothing of chunk, and at
// most maxLine bytes of an unfinished line.
func (c *Counter) Feed(chunk []byte, now time.Time) Progress {
	c.p.Finished = 0
	if c.classify == nil && c.pattern == nil {
		return c.p
	}
	for len(chunk) > 0 {
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			if c.line.empty() {
				c.lineSince = now
			}
			c.line.add(chunk)
			break
		}
		if c.line.empty() && end <= maxLine {
			c.lineSince = now
			c.read(chunk[:end], now)
		} else {
			if c.line.empty() {
				c.lineSince = now
			}
			c.line.add(chunk[:end])
			c.read(c.line.bytes(), now)
			c.line.reset()
		}
		chunk = chunk[end+1:]
	}
	return c.view()
}

// Finish reads a last line that has no newline: call it once, at the end of
// the output.
func (c *Counter) Finish(now time.Time) Progress {
	c.p.Finished = 0
	if !c.line.empty() {
		c.read(c.line.bytes(), now)
		c.line.reset()
	}
	return c.p
}

// Current returns what is known now; its Finished is always zero.
func (c *Counter) Current() Progress {
	p := c.view()
	p.Finished = 0
	return p
}

// view adds the job that Laravel 9.21 to 9.40 announces on a line that it only
// finishes when the job has ended.
func (c *Counter) view() Progress {
	p := c.p
	if p.Busy || !c.laravel || c.started || c.line.empty() {
		return p
	}
	if name, ok := halfStart(c.line.bytes()); ok {
		p.Busy, p.Job, p.Since = true, name, c.lineSince
	}
	return p
}

func (c *Counter) read(line []byte, now time.Time) {
	if c.classify != nil {
		c.classify(c, line, now)
	}
	if c.pattern != nil && c.pattern.Match(clean(line)) {
		c.p.Finished++
	}
}

func (c *Counter) start(name string, now time.Time) {
	c.started = true
	c.hold(name, now)
}

func (c *Counter) hold(name string, since time.Time) {
	c.p.Busy, c.p.Job, c.p.Since = true, name, since
	c.p.TimedOut = false
}

// end takes an end line; counts is false for the second end of one job (fail(),
// then DONE), which must not hide that the job failed.
func (c *Counter) end(name string, failed, counts bool, now time.Time) {
	if !counts {
		return
	}
	if c.pattern == nil {
		c.p.Finished++
	}
	if c.p.Busy && name == "" {
		name = c.p.Job
	}
	c.p.Failed, c.p.LastJob, c.p.LastSince, c.p.LastEnd = failed, name, c.p.Since, now
	c.p.Busy, c.p.Job, c.p.Since = false, "", time.Time{}
}
