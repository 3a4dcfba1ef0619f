package main

import (
	"context"
	"errors"
)

// stop is from the order to the end of the last worker and of the client.
func stop(ctx context.Context, s *session, b *bench) error {
	mark, ordered := s.report.mark(), now()
	told := make(chan error, 1)
	go func() { _, err := s.client(ctx, s.peer.stop(s)); told <- err }()
	err := awaitGone(ctx, s.pids)
	err = errors.Join(err, <-told)
	took := now().since(ordered)
	if err != nil {
		return err
	}
	b.note("stop", s, float64(took)/1e6)
	return s.silent(mark)
}
