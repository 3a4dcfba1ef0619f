package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Inherit returns the listener of a descriptor that an earlier image of this
// process, or systemd's store of descriptors, has handed down. It takes the
// descriptor over and is what [Listen] would have returned: closing it removes
// the socket unless the path has become another's.
//
// A path that is gone is an fs.ErrNotExist: nobody can connect to the
// descriptor any more. A path that is not this socket is an error as well, as
// far as the kernel tells (SIOCUNIXFILE, Linux 4.16, takes CAP_NET_ADMIN). After
// any error the descriptor is closed.
func Inherit(fd int, path string) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot inherit socket %q: %v", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if f == nil {
		return nil, fmt.Errorf("cannot inherit socket %q: %d is no descriptor", path, fd)
	}
	defer f.Close()
	if err := isListening(fd, path); err != nil {
		return nil, fmt.Errorf("cannot inherit socket %q: %w", path, err)
	}
	l, err := net.FileListener(f) // a duplicate, close-on-exec
	if err != nil {
		return nil, fmt.Errorf("cannot inherit socket %q: %v", path, err)
	}
	u := l.(*net.UnixListener) // isListening has seen to it
	u.SetUnlinkOnClose(false)
	return newListener(u, path)
}

// isListening says what is wrong with fd as the socket published at path.
func isListening(fd int, path string) error {
	for _, want := range []struct{ option, value int }{
		{unix.SO_DOMAIN, unix.AF_UNIX}, {unix.SO_TYPE, unix.SOCK_STREAM}, {unix.SO_ACCEPTCONN, 1},
	} {
		if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, want.option); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		} else if v != want.value {
			return fmt.Errorf("descriptor %d is not a listening unix socket", fd)
		}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return cause(err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("there is a %s, not a socket", kindOf(info.Mode()))
	}
	bound, err := boundFile(fd)
	if err == nil && !os.SameFile(info, bound) {
		return errors.New("the path has become another's")
	}
	return nil // not told: believed
}

const siocUnixFile = 0x89e0 // linux/un.h

// boundFile describes the file that a unix socket was bound to.
func boundFile(fd int) (fs.FileInfo, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), siocUnixFile, 0)
	if errno != 0 {
		return nil, errno
	}
	f := os.NewFile(n, "bound")
	defer f.Close()
	return f.Stat()
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// ListenerFile returns a duplicate of the descriptor of a listener that [Listen]
// or [Inherit] has made, to be handed down; it is close-on-exec.
func ListenerFile(l net.Listener) (*os.File, error) {
	own, ok := l.(*listener)
	if !ok {
		return nil, fmt.Errorf("cannot hand a listener of type %T down", l)
	}
	return Duplicate(own.UnixListener, own.path)
}

// Duplicate returns a descriptor of its own of a socket, close-on-exec. Not by
// the socket's File: that one's Fd makes both of them blocking, and a read that
// is under way when an exec fails would never be woken again.
func Duplicate(c syscall.Conn, name string) (*os.File, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 3) }) != nil || err != nil {
		return nil, fmt.Errorf("cannot duplicate the descriptor of %q: %w", name, errors.Join(err))
	}
	return os.NewFile(uintptr(fd), name), nil
}
