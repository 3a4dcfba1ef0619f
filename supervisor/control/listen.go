package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxSocketPath is what sockaddr_un holds without its terminator (unix(7)).
const maxSocketPath = 107

// probeTimeout is how long a server that already listens may take to say who
// it is.
const probeTimeout = 2 * time.Second

// Listen makes the unix socket at path and listens on it. A missing parent
// directory is made (0755). The socket appears at path complete, with its mode
// and owner (uid, gid; -1 leaves one as it is): it is bound in a directory of
// our own and then linked, so nobody can connect before. A socket nobody
// listens on is removed; one that answers makes Listen fail with the pid
// behind it. Closing the listener removes the socket, unless the path has
// become another's.
func Listen(path string, mode fs.FileMode, uid, gid int) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	own, err := os.MkdirTemp(dir, ".s") // 0700
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	defer os.RemoveAll(own)
	tmp := filepath.Join(own, "s")
	if n := max(len(tmp), len(path)); n > maxSocketPath {
		return nil, fmt.Errorf("cannot listen on %q: path is too long by %d bytes for a unix socket", path, n-maxSocketPath)
	}
	l, err := bind(tmp, mode, uid, gid)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	if err := publish(tmp, path); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot listen on %q: %w", path, err)
	}
	return newListener(l, path)
}

// bind makes the socket where nobody else can reach it.
func bind(tmp string, mode fs.FileMode, uid, gid int) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Lchown(tmp, uid, gid); err == nil {
		err = os.Chmod(tmp, mode.Perm())
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// publish links the bound socket to its path, in place of a dead one. The lock
// is for two supervisors that start at once: without it, one could remove
// the other's fresh socket in the belief that it is the dead one it has seen.
func publish(tmp, path string) error {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	err = os.Link(tmp, path)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := mustBeDead(path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove stale socket: %v", err)
	}
	return os.Link(tmp, path)
}

// lock makes a file, takes its flock(2) and returns what removes both again.
func lock(file string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("cannot lock %q: %v", file, err)
		} else if err == nil && isFile(f, file) {
			return func() {
				_ = os.Remove(file) // left behind it is only untidy
				f.Close()
			}, nil
		}
		f.Close() // the one who had it has removed it meanwhile
	}
}

func isFile(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}

// InUseError says that a live server has the socket.
type InUseError struct {
	PID   int   // 0: it would not say
	Cause error // why it could not be asked; nil: it was
}

func (e *InUseError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("another server may be listening there: %v", e.Cause)
	}
	if e.PID == 0 {
		return "another server is listening there"
	}
	return fmt.Sprintf("another server is listening there (pid %d)", e.PID)
}

// mustBeDead returns nil when path is a socket nobody answers on, or gone.
func mustBeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("there is a %s, not a socket", kindOf(info.Mode()))
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil { // a full backlog, no permission: somebody is there
		return &InUseError{Cause: err}
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	if info, err := Dial(path).Version(ctx); err == nil {
		return &InUseError{PID: info.PID}
	}
	pid := listenerPID(conn)
	if pid != 0 && syscall.Kill(pid, 0) == syscall.ESRCH {
		return nil // systemd keeps it open for one that has ended: nobody will ever answer
	}
	return &InUseError{PID: pid}
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m.IsRegular():
		return "file"
	case m.Type() == fs.ModeSymlink:
		return "symbolic link"
	}
	return "special file"
}

// listenerPID asks the kernel who called listen on the other end
// (SO_PEERCRED, unix(7)); 0 when it does not know.
func listenerPID(conn net.Conn) int {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// listener knows the path it was published at.
type listener struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

func newListener(l *net.UnixListener, path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	return &listener{UnixListener: l, path: path, file: info}, nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket before it stops listening, so that a successor
// never finds it dead, and only if the path still is this socket.
func (l *listener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
		_ = os.Remove(l.path) // the directory may be read-only by now; a dead socket is removed at the next start
	}
	return l.UnixListener.Close()
}
