package supervisor

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

// reapOrphans waits for processes that were handed to us because their parent
// died: the duty of PID 1. Children of our own are left to their runs.
func reapOrphans(ctx context.Context) {
	if os.Getpid() != 1 {
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		reapAll()
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

// reapAll takes the status of every ended orphan. The kernel shows one ended
// child at a time, so one of our own that nobody has waited for yet hides the
// others until its run does: its SIGCHLD is followed by the next.
func reapAll() {
	for {
		var info siginfo
		err := unix.Waitid(unix.P_ALL, 0, info.raw(), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		pid := info.pid()
		if err != nil || pid == 0 || spawn.Owned(pid) {
			return
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // it has ended: there is nothing to wait for
	}
}
