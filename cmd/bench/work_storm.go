package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stormOf is how many are restarted at once.
const stormOf = 200

// storm is a restart of all, from the order to the last replacement's exec.
func storm(ctx context.Context, s *session, b *bench) error {
	words := s.peer.restart(s)
	if words == nil {
		return nil
	}
	if err := pause(ctx, 2*time.Second); err != nil { // over the second that s6 and runit hold back
		return err
	}
	mark, ordered := s.report.mark(), now()
	told := make(chan error, 1)
	go func() { _, err := s.client(ctx, words); told <- err }()
	begun, err := s.report.await(ctx, mark, s.n, false, patience)
	if err := errors.Join(err, <-told); err != nil {
		return err
	}
	b.note("storm", s, float64(last(begun).since(ordered))/1e6)
	old := s.pids
	s.pids = nil
	for _, w := range begun {
		s.pids = append(s.pids, w.pid)
	}
	if err := awaitGone(ctx, old); err != nil {
		return err
	}
	if extra := s.report.mark() - mark - s.n; extra != 0 {
		return fmt.Errorf("%d starts too many in a restart of %d", extra, s.n)
	}
	return s.check(ctx)
}
