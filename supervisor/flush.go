package supervisor

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// last has the highest number of all signals: the runtime hands it on after all
// others that had come when it came.
const last = syscall.Signal(64)

// flushMost is how long a signal may take from the runtime's handler to its channel.
const flushMost = 100 * time.Millisecond

// flushSignals returns when every signal that the runtime has handled is in its
// channel, or false when that could not be had.
func flushSignals() bool {
	came := make(chan os.Signal, 1)
	signal.Notify(came, last)
	defer signal.Stop(came)
	if unix.Kill(os.Getpid(), unix.Signal(last)) != nil {
		return false
	}
	select {
	case <-came:
		return true
	case <-time.After(flushMost):
		return false
	}
}
