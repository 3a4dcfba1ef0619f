package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/hear"
)

// signals turns what is caught into requests: TERM, INT, QUIT and hear.Stop end the
// supervisor, once more hurries; HUP updates to the config file as it is now;
// USR1 upgrades to the binary on disk; USR2 opens the logs anew.
func signals(ctx context.Context, d *daemon) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-hear.C:
			d.signalled(ctx, s)
		case s := <-hear.Held:
			d.signalled(ctx, s)
		case told := <-d.flush:
			for len(hear.C) > 0 {
				d.signalled(ctx, <-hear.C)
			}
			for len(hear.Held) > 0 {
				d.signalled(ctx, <-hear.Held)
			}
			close(told)
		}
	}
}

// hearAll goes on hearing what was taken over at the very start of serve.
func hearAll() (letGo func()) {
	hear.Take()
	// Go would end us for a write to a closed standard output. Not ignored: that
	// is inherited, and a notified signal is not.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() {
		hear.Give()
		signal.Stop(pipe)
	}
}

func (d *daemon) signalled(ctx context.Context, s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		d.loop.post(heard{s, "restart"}) // supervisord's word for it
		d.loop.systemd(reloading())
		defer d.loop.systemd("READY=1")
		_, diff, err := d.reread(ctx, true, nil)
		d.loop.post(note{what: "updated to the config file", err: err, news: !diff.Empty()})
	case syscall.SIGUSR1:
		go func() { // it may take seconds, and another signal must be heard meanwhile
			_, err := d.upgrade(ctx)
			d.loop.post(note{what: "upgrade to the binary on disk", err: err})
		}()
	case hear.Leave:
		d.loop.post(leaveRequest{d.leave})
	case syscall.SIGUSR2:
		d.loop.post(heard{s, "log reopen"})
		d.loop.post(note{what: "opened the logs anew", err: d.logs.Reopen(), news: true, theirs: "supervisord logreopen"})
	default:
		d.loop.post(heard{s, "exit"})
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
	what   string
	err    error
	news   bool
	theirs string // in supervisord's words
}

func (n note) do(l *loop) {
	switch {
	case n.err != nil:
		l.tellTrouble(trouble{what: "could not be done: " + n.what, err: n.err})
	case n.news && n.theirs != "" && l.config.Supervisor.LogStyle == styleSupervisord:
		l.log.Info(n.theirs)
	case n.news:
		l.tellNote(n.what)
	}
}

// heard is a signal, for supervisord's log line of it.
type heard struct {
	sig  os.Signal
	what string
}

func (h heard) do(l *loop) {
	if l.config.Supervisor.LogStyle != styleSupervisord {
		return
	}
	if h.what == "log reopen" {
		l.log.Info(fmt.Sprintf("received %s indicating %s request", signalName(h.sig), h.what))
		return
	}
	l.log.Warn(fmt.Sprintf("received %s indicating %s request", signalName(h.sig), h.what))
}

// signalName is SIGTERM for 15; a signal of the real-time range has only a number.
func signalName(s os.Signal) string {
	n, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Sprint(s)
	}
	if name := unix.SignalName(n); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(n))
}
