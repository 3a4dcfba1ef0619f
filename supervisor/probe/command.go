package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

const (
	outputMost = 4 << 10 // bytes of a command's output that are kept
	// outputWait is how long output is read for after the command's end: a process
	// that it has left behind may hold the pipe open.
	outputWait = 100 * time.Millisecond
	// lookAgain is how often is looked where there is no pidfd (before Linux 5.3).
	lookAgain = 20 * time.Millisecond
)

// Command runs a command to its end; well is exit code 0. What it prints last is
// part of the error. s says how, but for its output, which is read here.
//
// It is the leader of a session of its own, as all that spawn starts. When it has
// ended, or ctx has, its process group is killed, and its status is taken in any case: when
// Command returns, nothing of it is left but what has fled into another group.
func Command(ctx context.Context, s spawn.Spec) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot make a pipe: %v", err)
	}
	defer r.Close()
	s.Stdout, s.Stderr = int(w.Fd()), int(w.Fd())
	c, err := spawn.Start(ctx, s)
	w.Close()
	if err != nil {
		if ctx.Err() != nil {
			return ErrNoAnswer
		}
		return errors.New(oneLine(err.Error()))
	}
	var out tail
	var reading sync.WaitGroup
	reading.Go(func() { out.readFrom(r) })
	status, late, err := wait(ctx, c)
	_ = r.SetReadDeadline(time.Now().Add(outputWait))
	reading.Wait()
	switch {
	case err != nil:
		return errors.New(oneLine(err.Error()))
	case late:
		return ErrNoAnswer
	case status.Code == 0:
		return nil
	}
	what := fmt.Sprintf("exit code %d", status.Code)
	if status.Signal != 0 {
		what = unix.SignalName(status.Signal)
	}
	if line := out.lastLine(); line != "" {
		what += ": " + line
	}
	return errors.New(what)
}

// killMost is how long a killed command may take to be gone. One that hangs in the
// kernel is left to a goroutine.
const killMost = time.Second

// wait waits for the command's end, and ends it together with ctx. Its group is
// killed while its number is still its own: before the status is taken.
func wait(ctx context.Context, c *spawn.Child) (status spawn.Status, late bool, err error) {
	late = ending(ctx, c) != nil
	_ = unix.Kill(-c.PID, unix.SIGKILL) // ESRCH: the leader alone was in it, and is a zombie
	_ = c.Signal(syscall.SIGKILL)
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), killMost)
	defer cancel()
	if ending(soon, c) != nil {
		go func() {
			defer c.Close()
			_ = ending(context.Background(), c)
			_, _, _ = c.TryWait() // the answer is given already
		}()
		return spawn.Status{}, true, nil
	}
	defer c.Close()
	status, _, err = c.TryWait()
	return status, late, err
}

// ending returns nil when the process has ended and can be waited for, or the
// context's error.
func ending(ctx context.Context, c *spawn.Child) error {
	if done, ok := watch(ctx, c.PidFD); ok {
		return done
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		// A look that leaves the status where it is.
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, c.PID, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil && info.Signo != 0 || err == unix.ECHILD {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch waits in Go's own poller for a pidfd, which is readable once the process
// has ended; false where that is not to be had. No thread is held.
func watch(ctx context.Context, pidfd int) (done error, ok bool) {
	if pidfd < 0 {
		return nil, false
	}
	fd, err := unix.FcntlInt(uintptr(pidfd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, false
	}
	// The flag is the file's, which both descriptors share. Whoever waits on it waits with WNOHANG.
	if unix.SetNonblock(fd, true) != nil {
		unix.Close(fd)
		return nil, false
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil || f.SetReadDeadline(time.Time{}) != nil { // not in the poller
		return nil, false
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(fd uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		return n > 0 || err != nil && err != unix.EINTR && err != unix.EAGAIN
	})
	if err != nil {
		return ctx.Err(), ctx.Err() != nil
	}
	return nil, true
}

// tail keeps the end of what is read.
type tail struct{ kept []byte }

func (t *tail) readFrom(r *os.File) {
	chunk := make([]byte, outputMost)
	for {
		n, err := r.Read(chunk)
		t.kept = append(t.kept, chunk[:n]...)
		if over := len(t.kept) - outputMost; over > 0 {
			t.kept = append(t.kept[:0], t.kept[over:]...)
		}
		if err != nil {
			return // its end, or it was waited for long enough
		}
	}
}

func (t *tail) lastLine() string {
	lines := strings.Split(strings.TrimSpace(string(t.kept)), "\n")
	return oneLine(lines[len(lines)-1])
}
