package control_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// handDown returns the descriptor of a listener as an exec would pass it on.
func handDown(t *testing.T, l net.Listener) int {
	t.Helper()
	f, err := control.ListenerFile(l)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestInherit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	fd := handDown(t, l)
	next, err := control.Inherit(fd, path)
	if err != nil {
		t.Fatal(err)
	}
	if next.Addr().String() != path {
		t.Errorf("Addr = %v", next.Addr())
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the descriptor was not taken over: %v", err)
	}
	done := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- control.NewServer(fleetDaemon(), nil).Serve(ctx, next) }()
	if _, err := dial(t, path).Version(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	l.Close()
}

func TestCannotInherit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := control.Listen(filepath.Join(dir, "other"), 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	duplicate := func(fd int) int {
		n, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	for _, tt := range []struct {
		name string
		fd   int
		path string
		want string
	}{
		{"gone", handDown(t, l), filepath.Join(dir, "gone"), "no such file or directory"},
		// Only root is told which file a socket is bound to.
		{"another's", handDown(t, other), path, "the path has become another's"},
		{"a plain file there", handDown(t, l), file.Name(), "there is a file, not a socket"},
		{"not a socket", duplicate(int(file.Fd())), path, "socket operation on non-socket"},
		{"not listening", pair[0], path, "is not a listening unix socket"},
		{"nothing", 1 << 20, path, "bad file descriptor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := control.Inherit(tt.fd, tt.path)
			if err == nil {
				got.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "cannot inherit socket") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
			if errors.Is(err, fs.ErrNotExist) != (tt.name == "gone") {
				t.Errorf("%v is ErrNotExist", err)
			}
			if _, err := unix.FcntlInt(uintptr(tt.fd), unix.F_GETFD, 0); err != unix.EBADF {
				t.Errorf("the descriptor is still open: %v", err)
			}
		})
	}
	for _, p := range []string{path, filepath.Join(dir, "other")} {
		if _, err := os.Lstat(p); err != nil {
			t.Errorf("a failed Inherit has removed %s", p)
		}
	}
}
