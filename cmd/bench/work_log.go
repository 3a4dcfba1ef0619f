package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// logs is how fast the output of n children reaches their files, and what the
// supervisor and its loggers take for it.
func logs(ctx context.Context, s *session, b *bench, name string) error {
	pids, err := s.supervisors()
	if err != nil {
		return err
	}
	before, err := usageOf(pids)
	if err != nil {
		return err
	}
	began := now()
	if err := s.report.release(); err != nil {
		return err
	}
	if _, err := s.report.await(ctx, 0, s.n, true, patience); err != nil {
		return err
	}
	total := s.bytes * int64(s.n)
	written, err := s.awaitBytes(ctx)
	took := now().since(began)
	if err != nil {
		return err
	}
	after, err := usageOf(pids)
	if err != nil {
		return err
	}
	if len(after) != len(pids) {
		return fmt.Errorf("%d processes of the supervisor have ended", len(pids)-len(after))
	}
	cpu, _ := after.since(before)
	b.note(name, s, float64(total)/1e6/took.Seconds())
	b.note(name+" cpu", s, cpu.Seconds()/(float64(total)/1e9))
	// No byte may come late either.
	if err := pause(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	for i := range written {
		if n, err := s.written(i); err != nil || n != s.bytes {
			return fmt.Errorf("instance %d wrote %d bytes, in its files are %d (%v)", i, s.bytes, n, err)
		}
	}
	return nil
}

// awaitBytes waits until the files have everything, or grow no more.
func (s *session) awaitBytes(ctx context.Context) (files int, err error) {
	var before int64 = -1
	grown := time.Now()
	for {
		var sum int64
		for i := range s.n {
			n, err := s.written(i)
			if err != nil {
				return 0, err
			}
			sum += n
		}
		want := s.bytes * int64(s.n)
		if sum >= want {
			return s.n, nil
		}
		if sum != before {
			before, grown = sum, time.Now()
		}
		if time.Since(grown) > 20*time.Second {
			return 0, fmt.Errorf("%d of %d bytes are in the files", sum, want)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// written is how much of an instance's output is in its files.
func (s *session) written(i int) (sum int64, err error) {
	files, err := filepath.Glob(s.peer.output(s, i))
	if err != nil {
		return 0, err
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if os.IsNotExist(err) {
			continue // rotated just now
		}
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}
