package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/zap"
)

// logind is asked to wait with a shutdown of the host (a "delay" lock,
// systemd-inhibit(1)), as long as its InhibitDelayMaxSec= lets it, 5 s unless set: so
// programs begin to end before anything that they need does. What is not done
// by then goes on when systemd stops the service. A "block" lock, by which others forbid
// a shutdown, is logind's to keep: nothing is told of a shutdown before it is gone.
const (
	logindName = "org.freedesktop.login1"
	logindPath = dbus.ObjectPath("/org/freedesktop/login1")
	logindCall = logindName + ".Manager."

	logindPatience = 30 * time.Second
)

// inhibitShutdown holds the lock until ctx, or the process, ends, and calls begin, once, when a
// shutdown is on its way. A shutdown that is called off after that is not heard
// of: who has ended is started again by his unit. Without a system bus or without logind
// it returns, with a line for who looks for it.
func inhibitShutdown(ctx context.Context, begin func(), log *zap.Logger) {
	failed := make(chan error, 1)
	go func() { failed <- awaitShutdown(ctx, begin) }()
	select {
	case err := <-failed:
		if err != nil && ctx.Err() == nil {
			log.Debug("a shutdown of the host is not known of before systemd stops us", zap.Error(err))
		}
	case <-ctx.Done(): // a bus that hangs keeps nobody; the lock goes with the process
	}
}

func awaitShutdown(ctx context.Context, begin func()) error {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("cannot connect to the system bus: %v", err)
	}
	defer conn.Close()
	heard := make(chan *dbus.Signal, 8)
	conn.Signal(heard)
	asked, enough := context.WithTimeout(ctx, logindPatience)
	defer enough()
	// Before the lock is taken, so that none is missed.
	err = conn.AddMatchSignalContext(asked, dbus.WithMatchSender(logindName), dbus.WithMatchObjectPath(logindPath),
		dbus.WithMatchInterface(logindName+".Manager"), dbus.WithMatchMember("PrepareForShutdown"))
	if err != nil {
		return fmt.Errorf("cannot listen to logind: %v", err)
	}
	logind := conn.Object(logindName, logindPath)
	var fd dbus.UnixFD
	err = logind.CallWithContext(asked, logindCall+"Inhibit", 0, "shutdown", "bulkhead", "programs end what they have in hand", "delay").Store(&fd)
	if err == nil {
		lock := os.NewFile(uintptr(fd), "inhibit")
		defer lock.Close()
	} else if !preparing(asked, logind) { // under way, no lock is given any more
		return fmt.Errorf("cannot take logind's lock: %v", err)
	} else {
		begin()
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-heard:
			if !ok {
				return errors.New("the system bus has closed the connection")
			}
			// Any user of the bus can send such a signal: logind itself is asked.
			if preparing(ctx, logind) {
				begin()
				<-ctx.Done()
				return nil
			}
		}
	}
}

func preparing(ctx context.Context, logind dbus.BusObject) bool {
	ctx, enough := context.WithTimeout(ctx, logindPatience)
	defer enough()
	var is bool
	err := logind.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, logindName+".Manager", "PreparingForShutdown").Store(&is)
	return err == nil && is
}
