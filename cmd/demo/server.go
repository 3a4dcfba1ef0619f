package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"bulkhead/supervisor/control"
)

const (
	startMost = 5 * time.Second  // until the supervisor must answer
	stopMost  = 15 * time.Second // until it must have ended, and a ctl command too
	tagName   = "BULKHEAD_DEMO"  // in the environment of all that the demo starts
)

// server is the "bulkhead serve" that the demo shows.
type server struct {
	binary  string
	place   place
	through []string // what starts it, such as systemd-run; none: we do
	started time.Time
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process is over
	client  *control.Client
	info    control.Info
}

// start runs the supervisor and waits until it answers. Its output goes to the
// place's log. It must be called on the main thread: the supervisor is told to
// stop when the thread that started it ends.
func (s *server) start(ctx context.Context) error {
	out, err := os.Create(s.place.log())
	if err != nil {
		return fmt.Errorf("cannot write the supervisor's output: %v", err)
	}
	defer out.Close()
	argv := append(append([]string{}, s.through...), s.binary, "serve", "-c", s.place.config())
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.Env = append(os.Environ(), tagName+"="+s.place.dir)
	// A group of its own: Ctrl-C is for us, who stop it in order. Should we die
	// without that, it is told.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %q: %v", argv[0], err)
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // how it ended is asked of cmd.ProcessState
		close(s.ended)
	}()
	s.client = control.Dial(s.place.socket())
	return s.answer(ctx)
}

// answer waits for the first answer on the socket.
func (s *server) answer(ctx context.Context) error {
	limit := time.NewTimer(startMost)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var err error
		if s.info, err = s.client.Version(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-s.ended:
			return s.broken(fmt.Sprintf("bulkhead serve ended at its start (%v)", s.cmd.ProcessState))
		case <-limit.C:
			return s.broken(fmt.Sprintf("bulkhead serve does not answer after %v: %v", startMost, err))
		case <-again.C:
		}
	}
}

// broken is the error of a supervisor that did not do its part, with what it said.
func (s *server) broken(what string) error {
	text, _ := os.ReadFile(s.place.log()) // without it the error lacks what was said
	if said := strings.TrimRight(string(text), "\n"); said != "" {
		return fmt.Errorf("%s; it said:\n%s", what, said)
	}
	return fmt.Errorf("%s; it said nothing", what)
}

// stop ends the supervisor as an init system would, and says whether that was enough.
func (s *server) stop() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended: then that is seen below
	s.client.Close()
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopMost):
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	return s.broken(fmt.Sprintf("bulkhead serve did not end within %v of SIGTERM and was killed", stopMost))
}

// ctl runs "bulkhead ctl" as a user would and returns all that it prints.
func (s *server) ctl(args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), stopMost)
	defer cancel()
	argv := append([]string{"ctl", "-c", s.place.config()}, args...)
	out, err := exec.CommandContext(ctx, s.binary, argv...).CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Sprintf("%sno answer within %v", out, stopMost)
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return fmt.Sprintf("cannot run %q: %v", s.binary, err)
	}
	return strings.TrimRight(string(out), "\n")
}
