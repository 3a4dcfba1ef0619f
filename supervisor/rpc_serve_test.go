package supervisor

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
)

// The listeners of further sockets come through an upgrade: who has connected meanwhile is
// accepted by the successor.
func TestDoorsAreHandedOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	servers := []conf.Server{
		{Network: "tcp", Address: "127.0.0.1:0"},
		{Network: "unix", Address: path, Mode: 0o600, UID: -1, GID: -1},
	}
	old := &server{config: conf.Supervisor{Servers: servers}}
	if err := old.openDoors(); err != nil {
		t.Fatal(err)
	}
	fds, done, err := old.handDoors()
	if err != nil {
		t.Fatal(err)
	}
	handed := map[string]int{}
	for name, fd := range fds { // as they are after an exec
		if handed[name], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	done()
	var waiting []net.Conn
	for _, d := range old.doors {
		c, err := net.Dial(d.Listener.Addr().Network(), d.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	gone, err := unix.FcntlInt(uintptr(handed[doorName(servers[0])]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	handed["tcp:127.0.0.1:1"] = gone // of a server that is not configured any more

	next := &server{config: conf.Supervisor{Servers: servers}, handed: &handover{Doors: handed}}
	defer next.close()
	if err := next.openDoors(); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(gone), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the listener of a server that is no more: %v, want it closed", err)
	}
	for i, d := range next.doors {
		c, err := d.Listener.Accept()
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if n, err := waiting[i].Read(make([]byte, 1)); n != 1 {
			t.Errorf("%s: read %d, %v", d.Name, n, err)
		}
		c.Close()
		waiting[i].Close()
	}
	_ = old.doors[0].Listener.Close() // the unix one must not take the path away
}

func TestDoorsThatCannotBeOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, address := range []string{taken.Addr().String(), "0.0.0.0:0", "no address"} {
		s := &server{config: conf.Supervisor{Servers: []conf.Server{{Network: "tcp", Address: address}}}}
		if err := s.openDoors(); err == nil {
			t.Errorf("%q was opened", address)
		}
		s.close()
	}
}
