package main

import (
	"context"
	"fmt"
	"time"
)

// settle is how long a supervisor may tidy up after a start: a collector gives
// memory back for some seconds.
const settle = 8 * time.Second

// idle is the CPU time and the wake-ups of a peer that has nothing to do.
func idle(ctx context.Context, s *session, b *bench) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	pids, err := s.supervisors()
	if err != nil {
		return err
	}
	before, err := usageOf(pids)
	if err != nil {
		return err
	}
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	after, err := usageOf(pids)
	if err != nil {
		return err
	}
	if len(after) != len(pids) {
		return fmt.Errorf("%d of %d processes of an idle supervisor have ended", len(pids)-len(after), len(pids))
	}
	cpu, waits := after.since(before)
	b.note("idle cpu", s, float64(cpu)/1e6/b.idle.Seconds())
	b.note("wake-ups", s, float64(waits)/b.idle.Seconds())
	return s.check(ctx)
}
