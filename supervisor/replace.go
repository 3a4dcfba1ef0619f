package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/hear"
	"bulkhead/supervisor/resident"
)

// calmMost is how long the edges may take to come to rest before an exec.
const calmMost = 2 * time.Second

// ownBinary is where the binary was found that runs: by the name it was called
// by, so that a link that is moved to a new version counts; else what the kernel says.
func ownBinary() (string, error) {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("cannot find the own binary: %v", err)
	}
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			if named, err := os.Stat(path); err == nil && os.SameFile(own, named) {
				return path, nil
			}
		}
	}
	return os.Executable()
}

// replace executes the binary on disk in our place. It runs on the loop's
// goroutine and returns only when that failed; then everything goes on.
func (s *server) replace() (err error) {
	resume, lost, err := s.rest()
	if err != nil {
		return err
	}
	defer resume()
	if s.loop.ending != nil || s.loop.leave != nil {
		return errTold
	}
	h := handover{Listener: -1, Notify: -1, TreeLock: s.host.tree.LockFD(), TreeHome: s.host.tree.Home(), StateLock: s.lock.FD(), Lost: lost,
		Events: s.daemon.journal.all()}
	if born, raised := resident.Born(); raised {
		h.Memlock = &born
	}
	listener, err := control.ListenerFile(s.listener)
	if err != nil {
		return err
	}
	defer listener.Close()
	h.Listener = descriptor(listener)
	notify, err := control.Duplicate(s.notify.conn, s.notify.path)
	if err != nil {
		return fmt.Errorf("cannot hand the notify socket on: %v", err)
	}
	defer notify.Close()
	h.Notify = descriptor(notify)
	doors, closeDoors, err := s.handDoors()
	defer closeDoors()
	if err != nil {
		return err
	}
	h.Doors = doors
	h.Conns = s.ctl.Freeze()
	defer s.ctl.Thaw()
	defer s.loop.alerts.Hold()() // nothing goes out that the successor would send again
	docs := s.loop.rememberAll()
	docs[keyHandover] = h
	written, err := writeHandover(docs)
	if err != nil {
		return err
	}
	defer written.Close()
	flush, cancel := context.WithTimeout(context.Background(), calmMost)
	_ = s.store.Flush(flush) // the handover has it all, should the disk not take it
	cancel()
	fds := append(h.descriptors(), int(written.Fd()))
	keepOpen(fds, true)
	defer keepOpen(fds, false)
	defer hear.Take()
	hear.Hold()
	told := s.signalsTold()
	late := s.loop.pull()
	defer func() {
		for _, e := range late {
			s.loop.handle(e)
		}
	}()
	if !told || slices.ContainsFunc(late, endsUs) {
		return errTold
	}
	// The runtime of the new image does not keep these two held; ignored they
	// cost nothing: it reads its configuration anyway, and hears them again soon.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT)
	env := append(os.Environ(), fmt.Sprintf("%s=%d", handoverVar, written.Fd()))
	defer hear.AllowHuge()
	err = syscall.Exec(s.daemon.exe, os.Args, append(env, hear.RefuseHuge()...))
	return fmt.Errorf("cannot execute %q: %v", s.daemon.exe, err)
}

// leave ends the supervisor and nothing else: the next one takes over.
func (s *server) leave() {
	_, lost, err := s.rest()
	s.notify.lastWords(os.Getenv("NOTIFY_SOCKET") != "")
	s.loop.drain()
	s.loop.settle()
	s.loop.self.Left = err == nil && !lost
	if left := s.loop.alerts.Close(0); len(left) > 0 {
		s.store.Put(keyUnsent, left)
	}
	s.ctl.Freeze() // no stream ends in order: its client looks for the next supervisor
	s.loop.left = true
	s.loop.systemd("STOPPING=1")
	s.loop.event(nil, 0, control.Event{Kind: "supervisor", Message: "ending, the programs run on for the next supervisor"})
}

var errTold = errors.New("the supervisor has been told to end")

// signalsTold reports that every signal that was not held has been told to the
// loop. If not, one is on its way: better no upgrade than none that is obeyed.
func (s *server) signalsTold() bool {
	if !flushSignals() {
		return false
	}
	told, late := make(chan struct{}), time.After(flushMost)
	select {
	case s.daemon.flush <- told:
	case <-late:
		return false // a reload is under way, which asks the loop
	}
	select {
	case <-told:
		return true
	case <-late:
		return false
	}
}

// pull takes what waits in the loop's queue. Of the facts among them none is
// known to the edges alone: they are at rest.
func (l *loop) pull() (all []any) {
	for {
		select {
		case e := <-l.events:
			all = append(all, e)
		default:
			return all
		}
	}
}

// endsUs tells the wishes that must not be lost to an upgrade.
func endsUs(e any) bool {
	switch e := e.(type) {
	case endRequest, leaveRequest:
		return true
	case *orderRequest:
		return e.order.Verb == "shutdown"
	}
	return false
}

// rest brings the edges to rest: no start is half done, no end is known to them
// alone. What they have told until then is handled.
func (s *server) rest() (resume func(), lost bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), calmMost)
	defer cancel()
	var undo []func()
	resume = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	calm := make(chan error, 1)
	go func() {
		undo = append(undo, s.host.holdBirths(), s.host.checks.hold(), s.notify.pause(), s.host.poll.pause())
		calm <- errors.Join(s.host.starting.over(ctx, "a start"), s.host.ends.over(ctx, "the end of a run"),
			s.host.checks.under.over(ctx, "a check"))
	}()
	s.loop.drainUntil(calm, &err)
	if err != nil {
		resume()
		return nil, false, err
	}
	s.loop.settle()
	return resume, !s.host.lanesRest(lanesMost), nil
}

// lanesMost is how long signals and limits on their way may take.
const lanesMost = 200 * time.Millisecond

// drainUntil handles events until the edges are at rest, and then what is left.
func (l *loop) drainUntil(calm <-chan error, err *error) {
	for {
		select {
		case e := <-l.events:
			l.handle(e)
		case *err = <-calm:
			l.drain()
			return
		}
	}
}
