package logs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func following(t *testing.T, s *Set, path string, n int64) *Follower {
	t.Helper()
	w, err := s.Follow(t.Context(), path, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// expect reads exactly want.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if n, err := io.ReadFull(r, p); err != nil || string(p[:n]) != want {
		t.Fatalf("read %q, %v, want %q", p[:n], err, want)
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log, MaxBytes: 100, Backups: 2})
	put(t, k, "before ")
	w := following(t, s, log, 4)
	expect(t, w, "ore ")
	put(t, k, "one ")
	expect(t, w, "one ")

	rotating := strings.Repeat("r", 100)
	put(t, k, rotating)
	put(t, k, "after ")
	expect(t, w, rotating+"after ")

	put(t, k, "unread ")
	if err := s.Clear(log); err != nil {
		t.Fatal(err)
	}
	put(t, k, "cleared ")
	expect(t, w, "unread cleared ")

	if err := os.Rename(log, log+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o644); err != nil { // as logrotate's "create"
		t.Fatal(err)
	}
	put(t, k, "moved ")
	expect(t, w, "moved ")
	if n, err := w.next(make([]byte, 1)); n != 0 || err != nil { // at the end of a file that is still being written
		t.Fatalf("%d, %v", n, err)
	}
	put(t, k, "still ")
	expect(t, w, "still ")
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	put(t, k, "reopened")
	expect(t, w, "reopened")
}

// TestFollowLagging rotates several times before the reader looks again.
func TestFollowLagging(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log, MaxBytes: 10, Backups: 9})
	w := following(t, s, log, 0)
	var want strings.Builder
	for n := range 35 {
		text := fmt.Sprintf("%d,", n)
		want.WriteString(text)
		put(t, k, text)
	}
	expect(t, w, want.String())
}

func TestFollowTruncation(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log, MaxBytes: 10})
	w := following(t, s, log, 0)
	put(t, k, "123456")
	expect(t, w, "123456")
	put(t, k, "7890") // truncated in place at once: lost to a follower
	put(t, k, "abcdefgh")
	expect(t, w, "abcdefgh")
}

// TestFollowStranger follows a file that somebody else writes, then we.
func TestFollowStranger(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	if _, err := s.Follow(t.Context(), log, 1); err == nil {
		t.Fatal("a missing file can be followed")
	}
	if err := os.WriteFile(log, []byte("old "), 0o644); err != nil {
		t.Fatal(err)
	}
	w := following(t, s, log, 100)
	expect(t, w, "old ")
	stranger, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	fmt.Fprint(stranger, "stranger ")
	expect(t, w, "stranger ")
	k := opened(t, s, Target{Path: log})
	put(t, k, "ours ")
	expect(t, w, "ours ")
	k.Close()
	fmt.Fprint(stranger, "stranger")
	expect(t, w, "stranger")
}

func TestFollowEnds(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	opened(t, s, Target{Path: log})
	for name, end := range map[string]func(w *Follower, cancel func()){
		"context": func(_ *Follower, cancel func()) { cancel() },
		"close":   func(w *Follower, _ func()) { w.Close(); w.Close() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, err := s.Follow(ctx, log, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ended := make(chan error)
		go func() {
			_, err := w.Read(make([]byte, 1))
			ended <- err
		}()
		end(w, cancel)
		if err := <-ended; err != io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.files); n != 1 {
		t.Errorf("%d files in the set", n)
	}
}
