package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// asked is how often status is asked in a round.
const asked = 5

// status is one client, from its start to its end.
func status(ctx context.Context, s *session, b *bench) error {
	words := s.peer.status(s)
	if words == nil {
		return nil
	}
	for range asked {
		out, took, err := s.timed(ctx, words)
		if err != nil {
			return err
		}
		if n := s.count(out); n != s.n {
			return fmt.Errorf("status says that %d of %d run", n, s.n)
		}
		b.note("status", s, float64(took)/1e6)
	}
	return nil
}

// clients is how many are at once in a crowd.
const clients = 100

// crowd is many clients at once, from the first one's start to the last one's end.
func crowd(ctx context.Context, s *session, b *bench) error {
	words := s.peer.status(s)
	if words == nil {
		return nil
	}
	errs := make([]error, clients)
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			out, err := s.client(ctx, words)
			if n := s.count(out); err == nil && n != s.n {
				err = fmt.Errorf("status says that %d of %d run", n, s.n)
			}
			errs[i] = err
		})
	}
	all.Wait()
	took := time.Since(began)
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d clients failed, the first: %w", len(failed), clients, failed[0])
	}
	b.note("crowd", s, float64(took)/1e6)
	return nil
}
