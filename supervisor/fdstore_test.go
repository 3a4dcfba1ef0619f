package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// store is systemd's side of NOTIFY_SOCKET.
type store struct {
	t    *testing.T
	conn *net.UnixConn
}

func newStore(t *testing.T) *store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &store{t, conn}
}

// next is one message and the descriptors in it.
func (s *store) next() (text string, fds []int) {
	s.t.Helper()
	b, oob := make([]byte, 4096), make([]byte, 256)
	n, m, _, _, err := s.conn.ReadMsgUnix(b, oob)
	if err != nil {
		s.t.Fatal(err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:m])
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			s.t.Fatal(err)
		}
		fds = append(fds, got...)
	}
	return string(b[:n]), fds
}

func fdOf(t *testing.T, c interface{ File() (*os.File, error) }) (*os.File, int) {
	t.Helper()
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, int(f.Fd())
}

func TestStoreFDs(t *testing.T) {
	s, dir := newStore(t), t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "control.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, fd := fdOf(t, l)
	if err := storeFDs(map[string]int{"control": fd}); err != nil {
		t.Fatal(err)
	}
	text, fds := s.next()
	if len(fds) != 1 || !strings.HasPrefix(text, "FDSTORE=1\nFDNAME=control.") || strings.ContainsAny(text[len("FDSTORE=1\nFDNAME="):], ":\n") || len(text) > 200 {
		t.Fatalf("sent %q with %d descriptors", text, len(fds))
	}
	defer func() { _ = unix.Close(fds[0]) }()
	if name, err := unix.Getsockname(fds[0]); err != nil || name.(*unix.SockaddrUnix).Name != l.Addr().String() {
		t.Errorf("sent another socket: %v, %v", name, err)
	}

	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) }()
	_ = os.Rename(l.Addr().String(), filepath.Join(dir, "moved.sock"))
	if err := storeFDs(map[string]int{"control": fd}); err != nil {
		t.Error(err)
	}
	text, moved := s.next()
	if len(moved) != 1 || text != "FDSTORE=1\nFDNAME=control." {
		t.Errorf("of one that has another name: %q with %d descriptors", text, len(moved))
	}
	_ = unix.Close(moved[0])
	if err := storeFDs(map[string]int{"pair": pair[0]}); err == nil {
		t.Error("a socket without a path was stored")
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if err := storeFDs(map[string]int{"control": fd}); err != nil {
		t.Errorf("without systemd: %v", err)
	}
}

// What a process finds that systemd has handed descriptors to: a child of the test.
func TestStoredFDs(t *testing.T) {
	if os.Getenv("TEST_STORED_FDS") != "" {
		reportStored()
		return
	}
	dir := t.TempDir()
	listen := func(name string) (path, key string, f *os.File) {
		path = filepath.Join(dir, name)
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		f, fd := fdOf(t, c)
		key, err = boundFile(fd)
		if err != nil {
			t.Fatal(err)
		}
		return path, key, f
	}
	_, goodKey, good := listen("good")
	removed, removedKey, gone := listen("removed")
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	before, _, elsewhere := listen("before")
	if err := os.Rename(before, filepath.Join(dir, "after")); err != nil {
		t.Fatal(err)
	}
	replaced, replacedKey, old := listen("replaced")
	if err := os.Remove(replaced); err != nil {
		t.Fatal(err)
	}
	listen("replaced")
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()

	s := newStore(t)
	names := []string{"good." + goodKey, "removed." + removedKey, "replaced." + replacedKey, "plain", "good." + goodKey, "moved."}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestStoredFDs$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_STORED_FDS=1", fmt.Sprint("LISTEN_FDS=", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	cmd.ExtraFiles = []*os.File{good, gone, old, plain, good, elsewhere}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := fmt.Sprintf("good %s cloexec nonblock\nmoved %s cloexec nonblock\nenv []\nagain 0\n", filepath.Join(dir, "good"), before)
	if got := string(out); !strings.HasPrefix(got, want) {
		t.Errorf("the child found\n%s\nwant\n%s", got, want)
	}
	var told []string
	for range 4 {
		text, _ := s.next()
		told = append(told, text)
	}
	slices.Sort(told)
	wantTold := []string{"good." + goodKey, "plain", "removed." + removedKey, "replaced." + replacedKey}
	for i := range wantTold {
		wantTold[i] = "FDSTOREREMOVE=1\nFDNAME=" + wantTold[i]
	}
	slices.Sort(wantTold)
	if !slices.Equal(told, wantTold) {
		t.Errorf("systemd was told %q, want %q", told, wantTold)
	}
}

func reportStored() {
	stored := storedFDs()
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		fd := stored[name]
		sa, err := unix.Getsockname(fd)
		path := fmt.Sprint(err)
		if u, ok := sa.(*unix.SockaddrUnix); ok {
			path = u.Name
		}
		fmt.Print(name, " ", path)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC != 0 {
			fmt.Print(" cloexec")
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && flags&unix.O_NONBLOCK != 0 {
			fmt.Print(" nonblock")
		}
		fmt.Println()
	}
	left := slices.DeleteFunc(os.Environ(), func(kv string) bool { return !strings.HasPrefix(kv, "LISTEN_") })
	fmt.Println("env", left)
	fmt.Println("again", len(storedFDs()))
}

// A socket is the one at its path only as long as the path leads to it.
func TestBoundFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	a, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	_, fd := fdOf(t, a)
	first, err := boundFile(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if now, err := boundFile(fd); err != nil || now != first {
		t.Errorf("another mode: %q, %v, want %q", now, err, first)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := boundFile(fd); !errors.Is(err, unix.ENOENT) {
		t.Errorf("removed: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := boundFile(fd); err == nil {
		t.Error("a plain file in its place was taken for it")
	}
}
