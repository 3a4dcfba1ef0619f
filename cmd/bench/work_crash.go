package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// crash is from the SIGKILL of a child to its replacement's exec. Each one is
// killed once: most supervisors hold back the second crash of the same one.
func crash(ctx context.Context, s *session, b *bench) error {
	// s6 and runit hold back a start within a second of the last one.
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	for i := range min(b.kills, s.n) {
		mark, killed := s.report.mark(), now()
		if err := syscall.Kill(s.pids[i], syscall.SIGKILL); err != nil {
			return fmt.Errorf("cannot kill worker %d: %v", s.pids[i], err)
		}
		begun, err := s.report.await(ctx, mark, 1, false, patience)
		if err != nil {
			return fmt.Errorf("no replacement for worker %d: %w", s.pids[i], err)
		}
		s.pids[i] = begun[0].pid
		b.note("crash", s, float64(begun[0].at.since(killed))/1e6)
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return s.check(ctx)
}
