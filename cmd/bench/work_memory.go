package main

import "context"

// weigh is the memory of the supervisor and its helpers, without the children.
func weigh(_ context.Context, s *session, b *bench) error {
	pids, err := s.supervisors()
	if err != nil {
		return err
	}
	rss, pss, err := memory(pids)
	if err != nil {
		return err
	}
	b.note("rss", s, float64(rss)/(1<<20))
	b.note("pss", s, float64(pss)/(1<<20))
	b.note("processes", s, float64(len(pids)))
	return nil
}
