package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/hear"
	"bulkhead/supervisor/spawn"
)

// daemonVar says to an image that it is the daemon, and that whoever started it
// waits on its descriptor 0 for a word. It is set for the first image only.
const daemonVar = "BULKHEAD_DAEMON"

// started is that word; any other is what is wrong.
const started = "started\n"

// Daemonize starts this program again, with its arguments, in a session of its own, and
// returns when that one serves, or why it does not. What it has to say until then goes
// to our standard output and error.
func Daemonize() error {
	exe, err := ownBinary()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start a daemon: %v", err)
	}
	defer r.Close()
	hear.AllowHuge() // the daemon sees to itself
	c, err := spawn.Start(context.Background(), spawn.Spec{
		Argv: append([]string{exe}, os.Args[1:]...), Env: append(os.Environ(), daemonVar+"=1"), Umask: -1,
		Stdin: int(w.Fd()), Stdout: 1, Stderr: 2, CgroupFD: -1,
	})
	w.Close()
	if err != nil {
		return fmt.Errorf("cannot start a daemon: %v", err)
	}
	defer c.Close()
	said, err := io.ReadAll(r)
	switch text := strings.TrimSpace(string(said)); {
	case string(said) == started:
		return nil
	case text != "":
		return errors.New(text)
	case err != nil:
		return fmt.Errorf("cannot start a daemon: %v", err)
	}
	return ErrSaid
}

// ErrSaid is a daemon that did not start and has said why itself.
var ErrSaid = errors.New("the daemon did not start")

// IsDaemon reports whether this process was started by Daemonize, or need not be: it
// goes on where an image before it was.
func IsDaemon() bool {
	return os.Getenv(daemonVar) != "" || os.Getenv(handoverVar) != ""
}

// settle makes the process a daemon in earnest, once it serves: nobody waits for
// it any more, and no terminal or directory is held.
func settleDaemon(c conf.Supervisor) error {
	if os.Getenv(daemonVar) == "" {
		return nil
	}
	os.Unsetenv(daemonVar)
	if c.Umask >= 0 {
		unix.Umask(c.Umask)
	}
	var failed error
	if c.Directory != "" {
		if err := os.Chdir(c.Directory); err != nil {
			failed = fmt.Errorf("can't chdir into %q: %v", c.Directory, err)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return errors.Join(failed, err)
	}
	defer null.Close()
	_, _ = unix.Write(0, []byte(started)) // one that has gone away does not wait
	for fd := range 3 {
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return errors.Join(failed, fmt.Errorf("cannot let go of descriptor %d: %v", fd, err))
		}
	}
	return failed
}

// pidFile writes the supervisor's pid; remove takes it away, if it is still ours.
func pidFile(path string) (remove func(), err error) {
	text := fmt.Sprintf("%d\n", os.Getpid())
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return func() {}, fmt.Errorf("could not write pidfile %s", path)
	}
	return func() {
		if now, err := os.ReadFile(path); err == nil && string(now) == text {
			_ = os.Remove(path)
		}
	}, nil
}
