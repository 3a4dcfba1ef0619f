package keeper

import (
	"testing"

	"golang.org/x/sys/unix"
)

// pair is a server without a process, and the supervisor's end of its
// connection.
func pair(t testing.TB) (*server, int) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &server{place: &place{listener: -1, lock: -1}, conn: ends[0], in: make([]byte, maxPacket+1), out: make([]byte, 0, maxPacket)}, ends[1]
}

// TestNoGarbage: with the collector off, only names may be left behind.
func TestNoGarbage(t *testing.T) {
	s, peer := pair(t)
	defer unix.Close(peer)
	defer s.hangUp()
	name := []byte("a name of more than thirty-two bytes, which would not fit on the stack")
	s.held.put(name, peerCopy(t, peer))
	hold := packet{op: opHold, body: name}.append(nil)
	drop := packet{op: opDrop, body: []byte("another name of more than thirty-two bytes, which nobody holds")}.append(nil)
	take := packet{op: opHeld}.append(nil)
	rights := unix.UnixRights(peer)
	answer := make([]byte, maxPacket)
	left := testing.AllocsPerRun(200, func() {
		for _, err := range []error{
			unix.Sendmsg(peer, hold, rights, nil, 0),
			unix.Sendmsg(peer, drop, nil, nil, 0),
			unix.Sendmsg(peer, take, nil, nil, 0),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		s.drain()
		if n, err := unix.Read(peer, answer); err != nil || n != headLen+len(name) {
			t.Fatalf("answer of %d bytes, %v", n, err)
		}
	})
	if left > 0 {
		t.Errorf("%v allocations for packets without a new name", left)
	}
	s.held.drop(name)
}

func peerCopy(t testing.TB, fd int) int {
	t.Helper()
	c, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func BenchmarkHold(b *testing.B) {
	k := open(b, options(b, b.TempDir()))
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := k.Hold("queue:queue_03.1.stdout", ends[1]); err != nil {
			b.Fatal(err)
		}
	}
	heldNow(b, k)
	unix.Close(ends[0])
	unix.Close(ends[1])
}

func BenchmarkOpenAndEnd(b *testing.B) {
	o := options(b, b.TempDir())
	for b.Loop() {
		k, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		k.End()
	}
}
