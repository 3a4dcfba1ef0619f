package main

import (
	"context"
	"fmt"
	"time"
)

// work is something that a peer does, and what is measured of it. Most are done
// one after the other in one session; those with own begin one themselves.
type work struct {
	name string
	// at says whether it is done with n instances.
	at func(n int) bool
	do func(ctx context.Context, s *session, b *bench) error
}

// works are all, in the order in which a session does them: what wants rest
// comes before what makes noise, the stop last.
var works = []work{
	{"start", everyN, start},
	{"idle", everyN, idle},
	{"memory", everyN, weigh},
	{"status", everyN, status},
	{"crowd", everyN, crowd},
	{"crash", everyN, crash},
	{"storm", func(n int) bool { return n == stormOf }, storm},
	{"stop", everyN, stop},
}

// logWorks have a session of their own each, with so many that print.
var logWorks = []struct {
	name string
	n    int
}{{"log1", 1}, {"log50", 50}}

func everyN(int) bool { return true }

// names are all names of works.
func names() []string {
	var all []string
	for _, w := range works {
		all = append(all, w.name)
	}
	for _, w := range logWorks {
		all = append(all, w.name)
	}
	return all
}

// start was measured when the session was opened.
func start(_ context.Context, s *session, b *bench) error {
	b.note("start", s, float64(s.began.since(s.birth))/1e6)
	return nil
}

// timed runs a client and returns how long its process took.
func (s *session) timed(ctx context.Context, words []string) ([]byte, time.Duration, error) {
	began := time.Now()
	out, err := s.client(ctx, words)
	return out, time.Since(began), err
}

// pause waits, unless the bench is interrupted.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// say is one line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}
