package supervisor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"bulkhead/programs"
)

// What systemd is told of the supervisor (sd_notify(3)): that the first starts
// are done, that it reloads, that it stops and takes its time, that its loop is
// alive. Started by something else, it tells nobody.

const (
	// A stop may take as long as the programs' stopwaitsecs: systemd is asked for
	// more time, well before what it was asked for last is over.
	stopExtend = 30 * time.Second
	stopAgain  = 10 * time.Second
)

// tellSystemd sends one state. Nobody to listen, or a socket that is gone, is
// no trouble of ours.
func tellSystemd(state string) { _, _ = sd.SdNotify(false, state) }

// systemdTeller is tellSystemd where a failure is told, and what systemd waits
// for is said again: it would end a service that never gets ready.
func systemdTeller(log *zap.Logger) func(state string) {
	var tell func(state string, tries int)
	tell = func(state string, tries int) {
		_, err := sd.SdNotify(false, state)
		if err == nil {
			return
		}
		log.Warn("cannot tell systemd "+strconv.Quote(state), zap.Error(err))
		if strings.HasPrefix(state, "READY=1") && tries > 0 {
			time.AfterFunc(time.Second, func() { tell(state, tries-1) })
		}
	}
	return func(state string) { tell(state, 5) }
}

// firstStarts reports that everything that starts by itself has been started,
// or has failed to once.
func (l *loop) firstStarts() bool {
	for _, in := range l.instances {
		if in.state.Cur.Phase == programs.Spawning {
			return false
		}
	}
	return true
}

// announce says once that the supervisor is ready.
func (l *loop) announce() {
	if l.ready || !l.firstStarts() {
		return
	}
	l.ready = true
	l.systemd(fmt.Sprintf("READY=1\nSTATUS=%d instances", len(l.instances)))
}

// reloading says that a reload has begun. The moment is what Type=notify-reload
// (systemd 253) wants to see; READY=1 ends it.
func reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for no clock of Linux
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// takeTime asks for more time, again and again, while a shutdown is under way.
func (l *loop) takeTime(ctx context.Context) {
	select {
	case <-l.stopping:
	case <-ctx.Done():
		return
	}
	ticker := time.NewTicker(stopAgain)
	defer ticker.Stop()
	for {
		l.systemd(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", stopExtend.Microseconds()))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// pet shows systemd's watchdog that the loop is alive, twice as often as it asks.
func (l *loop) pet(ctx context.Context) {
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	ticker := time.NewTicker(every / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.post(alive{})
		case <-ctx.Done():
			return
		}
	}
}

// alive is answered by the loop itself, or not at all.
type alive struct{}

func (alive) do(l *loop) { l.systemd("WATCHDOG=1") }
