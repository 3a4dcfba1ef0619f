package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long anything may take before it counts as stuck: no time
// that a peer needs on a busy machine is a failure.
const patience = 15 * time.Minute

// tools are the programs that a bench needs.
type tools struct {
	dir, memory, worker, raw, bulkhead string
}

// session is one life of a peer with n instances.
type session struct {
	peer   peer
	tools  tools
	n      int
	bytes  int64 // that each instance prints when it is released
	dir    string
	report *report
	root   *exec.Cmd
	ended  chan struct{}
	birth  moment // before the exec of the supervisor
	began  moment // when the last of its instances ran
	pids   []int  // of the workers that run
}

func (s *session) file(name string) string { return filepath.Join(s.dir, name) }

// open starts a peer and waits until all its instances run.
func (t tools) open(ctx context.Context, p peer, n int, bytes int64) (s *session, err error) {
	dir, err := os.MkdirTemp(t.dir, "run-")
	if err != nil {
		return nil, err
	}
	s = &session{peer: p, tools: t, n: n, bytes: bytes, dir: dir, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%v%s", err, s.lastWords()), s.close())
			s = nil
		}
	}()
	if err = s.inMemory(); err != nil {
		return s, err
	}
	if s.report, err = newReport(s.file("report")); err != nil {
		return s, err
	}
	if err := p.prepare(s); err != nil {
		return s, fmt.Errorf("cannot configure it: %v", err)
	}
	out, err := os.Create(s.file("root.out"))
	if err != nil {
		return s, err
	}
	defer out.Close()
	words := p.command(s)
	s.root = exec.Command(words[0], words[1:]...)
	s.root.Stdout, s.root.Stderr = out, out
	s.root.Dir = s.dir
	s.root.Env = s.environment()
	// Ctrl-C is ours to hear.
	s.root.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.birth = now()
	if err := s.root.Start(); err != nil {
		s.root = nil
		return s, fmt.Errorf("cannot start it: %v", err)
	}
	go func() { _ = s.root.Wait(); close(s.ended) }() // how it ends, nobody asks
	begun, err := s.report.await(ctx, 0, n, false, patience)
	if err != nil {
		return s, err
	}
	for _, w := range begun {
		s.pids = append(s.pids, w.pid)
	}
	s.began = last(begun)
	return s, s.check(ctx)
}

// inMemory makes the session's directory run, which is in memory and by its name below
// the session's: whose a process is, its arguments say.
func (s *session) inMemory() error {
	dir := filepath.Join(s.tools.memory, filepath.Base(s.dir))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Symlink(dir, s.file("run"))
}

func (s *session) environment() []string {
	env := append(os.Environ(), "BENCH_REPORT="+s.report.path)
	if s.bytes > 0 {
		env = append(env, fmt.Sprintf("BENCH_BYTES=%d", s.bytes))
	}
	return env
}

// lastWords is the end of what the peer has printed.
func (s *session) lastWords() string {
	b, err := os.ReadFile(s.file("root.out"))
	if err != nil || len(b) == 0 {
		return ""
	}
	return "; it printed:\n" + string(b[max(0, len(b)-2000):])
}

// client runs a command of the peer's to its end and returns what it prints.
func (s *session) client(ctx context.Context, words []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%q: %v: %s", words[:min(len(words), 6)], err, out[:min(len(out), 2000)])
	}
	return out, nil
}

// count is how many instances run by the words of a client.
func (s *session) count(out []byte) (n int) {
	for line := range bytes.Lines(out) {
		if s.peer.running(string(line)) {
			n++
		}
	}
	return n
}

// check fails unless the peer says that n run, and n do. It may take a moment
// to notice: what runs is told by the worker, not by its supervisor.
func (s *session) check(ctx context.Context) error {
	for _, pid := range s.pids {
		if gone(pid) {
			return fmt.Errorf("worker %d has ended", pid)
		}
	}
	words := s.peer.status(s)
	if words == nil {
		return nil
	}
	var out []byte
	var err error
	for began := time.Now(); time.Since(began) < patience && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		// A client's exit code is not asked here: supervisorctl's is of states.
		if out, err = s.client(ctx, words); err == nil && s.count(out) == s.n {
			return nil
		}
	}
	return fmt.Errorf("its status says that %d of %d run (%v):\n%s", s.count(out), s.n, err, out[:min(len(out), 2000)])
}

// awaitGone waits until all of these have ended.
func awaitGone(ctx context.Context, pids []int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, pid := range pids {
		for !gone(pid) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("worker %d does not end: %w", pid, ctx.Err())
			case <-time.After(500 * time.Microsecond):
			}
		}
	}
	return nil
}

// close ends what is left of it, in good order if it can be, and removes its
// directory.
func (s *session) close() error {
	if s.root != nil {
		_ = s.root.Process.Signal(s.peer.quit()) // it may have ended
		select {
		case <-s.ended:
		case <-time.After(30 * time.Second):
		}
	}
	for range 40 { // what outlives its root in good order: runsv, the keeper
		if pids, err := family(s.dir); err != nil || len(pids) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	err := sweep(s.dir)
	if s.report != nil {
		s.report.close()
	}
	return errors.Join(err, os.RemoveAll(s.dir), os.RemoveAll(filepath.Join(s.tools.memory, filepath.Base(s.dir))))
}

// silent fails if a worker has begun after a mark.
func (s *session) silent(mark int) error {
	if n := s.report.mark() - mark; n != 0 {
		return fmt.Errorf("%d workers were started that nobody ordered", n)
	}
	return nil
}
