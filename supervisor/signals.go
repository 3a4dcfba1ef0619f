package supervisor

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// sigLeave has the supervisor end and leave the programs running: SIGRTMIN+2 of
// the C library, what RestartKillSignal= of the unit file says. Go names no
// signals of that kind.
const sigLeave = syscall.Signal(36)

// signals turns what is caught into requests: TERM, INT and QUIT end the
// supervisor, once more hurries; HUP updates to the config file as it is now;
// USR1 upgrades to the binary on disk; USR2 opens the logs anew.
func signals(ctx context.Context, d *daemon, c <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-c:
			d.signalled(ctx, s)
		}
	}
}

// Heard are the signals that have come since Hear.
type Heard struct{ signals, pipe chan os.Signal }

// Hear takes the signals over. It is called first of all: one that came by its
// default action would end a supervisor whose programs run on, as a stop of systemd's
// right behind a restart.
func Hear() *Heard {
	h := &Heard{make(chan os.Signal, 8), make(chan os.Signal, 1)}
	h.listen()
	maskSignals(unix.SIG_UNBLOCK) // the image before may have held some
	// Go would end us for a write to a closed standard output. Not ignored: that
	// is inherited, and a notified signal is not.
	signal.Notify(h.pipe, syscall.SIGPIPE)
	return h
}

func (h *Heard) listen() {
	for _, s := range heard {
		signal.Notify(h.signals, s)
	}
}

// Stop lets the signals go.
func (h *Heard) Stop() {
	signal.Stop(h.signals)
	signal.Stop(h.pipe)
}

func (d *daemon) signalled(ctx context.Context, s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		d.loop.systemd(reloading())
		defer d.loop.systemd("READY=1")
		_, diff, err := d.reread(ctx, true, nil)
		d.loop.post(note{"updated to the config file", err, !diff.Empty()})
	case syscall.SIGUSR1:
		go func() { // it may take seconds, and another signal must be heard meanwhile
			_, err := d.upgrade(ctx)
			d.loop.post(note{"upgrade to the binary on disk", err, false})
		}()
	case sigLeave:
		d.loop.post(leaveRequest{d.leave})
	case syscall.SIGUSR2:
		d.loop.post(note{"opened the logs anew", d.logs.Reopen(), true})
	default:
		d.loop.post(endRequest{})
	}
}

// endRequest is one wish for a shutdown.
type endRequest struct{}

func (endRequest) do(l *loop) {
	if l.forewarned { // this is what was forewarned of: no second wish
		l.forewarned = false
		return
	}
	l.shutdown(false)
}

// forewarning is the news that the host is about to shut down: a signal will follow.
type forewarning struct{}

func (forewarning) do(l *loop) {
	if l.ending == nil {
		l.forewarned = true
		l.shutdown(false)
	}
}

// leaveRequest is the wish that the supervisor ends and nothing else does.
type leaveRequest struct{ leave func() }

func (q leaveRequest) do(l *loop) {
	if l.ending == nil { // else it ends soon enough, with everything
		l.leave = q.leave
	}
}

// note tells of something that the loop did not do itself.
type note struct {
	what string
	err  error
	news bool
}

func (n note) do(l *loop) {
	switch {
	case n.err != nil:
		l.tellTrouble(trouble{what: "could not be done: " + n.what, err: n.err})
	case n.news:
		l.tellNote(n.what)
	}
}
