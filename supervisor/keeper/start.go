package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

// Command is the argument of the binary after which Main's follow.
const Command = "keeper"

// detachFlag stands before the socket of the process that starts the keeper.
const detachFlag = "--detach"

// self is this binary, whatever is on disk under its name by now.
const self = "/proc/self/exe"

// oomScore: the kernel takes nearly everything before it.
const oomScore = -900

// Main is the command: "keeper SOCKET". It returns the exit code.
func Main(args []string) int {
	var err error
	switch {
	case len(args) == 1:
		err = Run(args[0])
	case len(args) == 2 && args[0] == detachFlag:
		err = detach(args[1])
	default:
		err = fmt.Errorf("cannot understand %q: want the path of a socket", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// detach starts the keeper and ends, which makes it a child of init: it
// becomes nobody's zombie and no supervisor waits for it.
func detach(socket string) error {
	// A huge page would be most of what a keeper has.
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	_, err := syscall.ForkExec(self, []string{"bulkhead", Command, socket}, &syscall.ProcAttr{
		Dir: "/",
		// No collector but what server.hold calls for; the limit is for what
		// nobody thought of.
		Env:   []string{"GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=16MiB"},
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("cannot start the keeper: %v", err)
	}
	return nil
}

// start returns when a keeper can be reached at o.Socket, this one or another
// that was faster. It leaves no child.
func start(ctx context.Context, o Options) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start the keeper: %v", err)
	}
	defer r.Close()
	child, err := spawn.Start(ctx, spawn.Spec{
		Argv:        []string{o.Exe, Command, detachFlag, o.Socket},
		Env:         []string{},
		Dir:         "/",
		Umask:       0o177,
		OOMScoreAdj: oomScore,
		Rlimits:     ownLimits(), // it locks its memory as we do
		Stdout:      -1,
		Stderr:      int(w.Fd()),
		CgroupFD:    o.CgroupFD,
	})
	w.Close()
	if err != nil {
		return fmt.Errorf("cannot start the keeper: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	said, err := io.ReadAll(io.LimitReader(r, 4<<10)) // ends when the keeper can be reached, or has ended
	reap(ctx, child)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("cannot start the keeper: it is not ready: %w", ctx.Err())
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n"); line != "" {
		return fmt.Errorf("cannot start the keeper: %s", line)
	}
	return nil
}

// ownLimits is our limit of locked memory, which other children do not get.
func ownLimits() []spawn.Rlimit {
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &now) != nil {
		return nil
	}
	return []spawn.Rlimit{{Resource: unix.RLIMIT_MEMLOCK, Soft: now.Cur, Hard: now.Max}}
}

// reap waits for the process that detached the keeper; it has nothing more to
// do. One that does not end is killed.
func reap(ctx context.Context, c *spawn.Child) {
	stop := context.AfterFunc(ctx, func() { _ = c.Signal(unix.SIGKILL) }) // has ended: there is nothing to kill
	defer stop()
	defer c.Close()
	for {
		if _, done, err := c.TryWait(); done || err != nil {
			return
		}
		if c.PidFD < 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(c.PidFD), Events: unix.POLLIN}}, 1000) // any return means: look again
	}
}
