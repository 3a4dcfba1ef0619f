package control_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

func TestListenMakesSocket(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o700, 0o660, 0o777, 0} {
		path := filepath.Join(t.TempDir(), "a", "b", "s.sock")
		l, err := control.Listen(path, mode, os.Getuid(), os.Getgid())
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
		if l.Addr().String() != path {
			t.Errorf("Addr = %q", l.Addr())
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
			t.Errorf("beside the socket: %v", left)
		}
		l.Close()
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
			t.Errorf("after Close: %v", left)
		}
	}
}

// dead leaves a socket behind that nobody listens on.
func dead(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenReplacesStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead(t, path)
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestListenRefuses(t *testing.T) {
	d := fleetDaemon() // says that its pid is 4242
	live, _ := serve(t, d)
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	l, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // answers something else
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "220 smtp\r\n")
			c.Close()
		}
	}()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{live, "cannot listen on %q: another server is listening there (pid 4242)"},
		{foreign, fmt.Sprintf("cannot listen on %%q: another server is listening there (pid %d)", os.Getpid())},
		{file, "cannot listen on %q: there is a file, not a socket"},
		{dir, "cannot listen on %q: there is a directory, not a socket"},
		{filepath.Join(file, "s"), "cannot listen on %q: mkdir " + file + ": not a directory"},
		{filepath.Join(dir, strings.Repeat("x", 200)), "cannot listen on %q: path is too long by "},
	} {
		l, err := control.Listen(tt.path, 0o600, -1, -1)
		if err == nil {
			l.Close()
			t.Errorf("%s: no error", tt.path)
			continue
		}
		if want := fmt.Sprintf(tt.want, tt.path); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := dial(t, live).Version(context.Background()); err != nil {
		t.Errorf("the live server: %v", err)
	}
	var inUse *control.InUseError
	if _, err := control.Listen(live, 0o600, -1, -1); !errors.As(err, &inUse) || inUse.PID != 4242 {
		t.Errorf("%v is no InUseError of pid 4242", err)
	}
}

// A socket that is another's by now is not removed.
func TestCloseLeavesSuccessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // a tmp cleaner
		t.Fatal(err)
	}
	second, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the successor's socket: %v", err)
	}
}

// Of many that start at once over a stale socket, exactly one has it.
func TestListenRace(t *testing.T) {
	for range 30 {
		path := filepath.Join(t.TempDir(), "s")
		dead(t, path)
		var wg sync.WaitGroup
		won := make(chan net.Listener, 8)
		for range cap(won) {
			wg.Go(func() {
				l, err := control.Listen(path, 0o600, -1, -1)
				if err == nil {
					go control.NewServer(fleetDaemon(), nil).Serve(t.Context(), l)
					won <- l
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d have the socket", len(won))
		}
		c := control.Dial(path)
		if _, err := c.Version(context.Background()); err != nil {
			t.Fatal(err)
		}
		c.Close()
		(<-won).Close()
	}
}

// A socket that is held open for a server that has ended, as systemd's store of
// descriptors does, takes connections that nobody will answer: it is dead.
func TestListenReplacesKeptSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	kept := os.NewFile(uintptr(fd), path)
	defer kept.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("/usr/bin/python3", "-c", "import socket; socket.socket(fileno=0).listen(5)")
	server.Stdin = kept
	if out, err := server.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
