package oneoff

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are meant for the command.
var forwarded = []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2}

// listen takes them over, but those that are ignored by whoever called us (nohup, a
// shell's "&"): the command ignores them as well. Go tells that of SIGHUP and SIGINT alone.
func listen() (heard chan os.Signal, ignored []syscall.Signal) {
	// Who reads our messages may be gone before the cleaning up is done. The command has the default.
	signal.Ignore(unix.SIGPIPE)
	heard = make(chan os.Signal, 16)
	for _, sig := range forwarded {
		if signal.Ignored(sig) {
			ignored = append(ignored, sig)
		} else {
			signal.Notify(heard, sig)
		}
	}
	return heard, ignored
}

// fromTerminal tells that a terminal has sent the signal to the whole foreground process
// group, and so to the command too: a second Ctrl-C means something else to many.
// (Who sends SIGINT to us alone, while we are in the foreground, is not heard.)
func fromTerminal(sig syscall.Signal) bool {
	if sig != unix.SIGINT && sig != unix.SIGQUIT {
		return false
	}
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false // there is no terminal
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
