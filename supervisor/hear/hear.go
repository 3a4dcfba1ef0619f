// Package hear takes the signals over before anything else of the program is
// initialised. One that came before that would end a supervisor by its default
// action, with its programs running on: a stop right behind a restart, or in the moment of
// an upgrade.
//
// It imports next to nothing, so that its init runs first: packages are
// initialised as soon as what they import is. What remains is the start of Go's
// runtime itself, a millisecond or two, in which SIGTERM, SIGINT and SIGHUP, which
// Go never lets a process hold, still end it; the unit's
// ExecStopPost= does then what was meant. Held through an exec are the others, [Stop]
// and [Leave] among them; but one that comes to a new process right after Go has installed its handlers
// and before Take is lost, which is why the unit stops by SIGTERM.
package hear

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals that have no name in Go: SIGRTMIN+2 and SIGRTMIN+3 of the C library,
// as the unit file says.
const (
	Leave = syscall.Signal(36) // end, and leave the programs running (RestartKillSignal=)
	Stop  = syscall.Signal(37) // stop everything and end, as SIGTERM
)

// All are the signals that mean something to a supervisor.
var All = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, Stop, Leave, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// C has what has come since Take.
var C = make(chan os.Signal, 16)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "serve" || calledSupervisord() {
		Take()
	}
}

// calledSupervisord tells a link of that name, without what package path would do first.
func calledSupervisord() bool {
	const name = "supervisord"
	if len(os.Args) == 0 || len(os.Args[0]) < len(name) {
		return false
	}
	before, last := os.Args[0][:len(os.Args[0])-len(name)], os.Args[0][len(os.Args[0])-len(name):]
	return last == name && (before == "" || before[len(before)-1] == '/')
}

// Take takes the signals over, or again.
func Take() { signal.Notify(C, All...) }

// Give gives them back.
func Give() { signal.Stop(C) }
