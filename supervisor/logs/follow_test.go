package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// at is where a follower is, as another process is told.
func at(t *testing.T, w *Follower) Position {
	t.Helper()
	text, err := json.Marshal(w.Position())
	if err != nil {
		t.Fatal(err)
	}
	var p Position
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func resuming(t *testing.T, p Position) *Follower {
	t.Helper()
	w, err := NewSet(nil).Resume(t.Context(), p) // another process's set
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// TestResume goes on at every position of a log that is rotated again and
// again, whatever happened between.
func TestResume(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log, MaxBytes: 10, Backups: 40})
	w := following(t, s, log, 0)
	start := at(t, w)
	var all strings.Builder
	var places []Position
	for n := range 100 {
		text := fmt.Sprintf("%d,", n)
		all.WriteString(text)
		put(t, k, text)
		expect(t, w, text)
		places = append(places, at(t, w))
	}
	said := 0
	for n, p := range places {
		said += len(fmt.Sprintf("%d,", n))
		rest := all.String()[said:]
		r := resuming(t, p)
		expect(t, r, rest)
		if r.lost {
			t.Errorf("%d: said to be lost", n)
		}
		// As a client counts, who knows only where it began.
		counted := start
		counted.Offset += int64(said)
		expect(t, resuming(t, counted), rest)
	}
	put(t, k, "more")
	last := places[len(places)-1]
	expect(t, resuming(t, last), "more")
	if p := last; p.Path != log || p.Inode == 0 {
		t.Errorf("%+v", p)
	}
}

// TestResumeLost is about places that are no more.
func TestResumeLost(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, log string, s *Set, k *Sink){
		"cleared": func(t *testing.T, log string, s *Set, _ *Sink) {
			if err := s.Clear(log); err != nil {
				t.Fatal(err)
			}
		},
		"rotated out of reach": func(t *testing.T, _ string, _ *Set, k *Sink) {
			put(t, k, strings.Repeat("x", 200))
			put(t, k, strings.Repeat("x", 200))
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			s := NewSet(nil)
			k := opened(t, s, Target{Path: log, MaxBytes: 100, Backups: 1})
			put(t, k, "before")
			w := following(t, s, log, 0)
			p := at(t, w)
			w.Close() // nothing holds the file: its inode may be given to the next
			lose(t, log, s, k)
			put(t, k, "after")
			r := resuming(t, p)
			expect(t, r, "after")
			if got := at(t, r); !got.Lost || got.Offset != 5 || got.Born == p.Born && got.Inode == p.Inode {
				t.Errorf("%+v after %+v", got, p)
			}
		})
	}
	log := filepath.Join(t.TempDir(), "log")
	s := NewSet(nil)
	k := opened(t, s, Target{Path: log})
	put(t, k, "a long line")
	p := at(t, following(t, s, log, 0))
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	put(t, k, "short")
	expect(t, resuming(t, p), "short")
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resume(t.Context(), p); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log that is gone: %v", err)
	}
	if n := len(s.files); n != 1 {
		t.Errorf("%d files in the set", n)
	}
}
