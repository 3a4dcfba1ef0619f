package keeper

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

func FuzzParse(f *testing.F) {
	f.Add(packet{op: opHold, id: 7, body: []byte("a")}.append(nil), 1)
	f.Add(packet{op: opHeld, answer: true, errno: 2}.append(nil), 0)
	f.Add([]byte("K"), 0)
	f.Fuzz(func(t *testing.T, b []byte, descriptors int) {
		p, err := parse(b)
		if err != nil {
			return
		}
		if got := p.append(nil); !bytes.Equal(got, b) {
			t.Errorf("%q became %q", b, got)
		}
		if p.request(descriptors) == nil && descriptors != 0 && p.op != opHold {
			t.Errorf("%d descriptors for %d", descriptors, p.op)
		}
	})
}

// FuzzServe sends packets, some with descriptors, and counts what is open.
// A script is a list of: length, number of descriptors, bytes.
func FuzzServe(f *testing.F) {
	f.Add([]byte("\x09\x01K\x02\x00\x00\x00\x00\x00\x00a\x08\x00K\x04\x00\x00\x00\x00\x00\x00\x09\x00K\x03\x00\x00\x00\x00\x00\x00a"))
	f.Add([]byte("\x09\x01K\x02\x00\x00\x00\x00\x00\x00a\x09\x00K\x05\x00\x00\x00\x00\x00\x00a\x08\x00K\x06\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, script []byte) {
		before := lowest(t)
		s, peer := pair(t)
		for len(script) > 2 && s.conn >= 0 && !s.ended {
			n := min(int(script[0]), len(script)-2)
			var oob []byte
			if k := int(script[1] % 4); k > 0 {
				oob = unix.UnixRights([]int{peer, peer, peer}[:k]...)
			}
			if err := unix.Sendmsg(peer, script[2:2+n], oob, nil, 0); err != nil {
				t.Fatal(err)
			}
			script = script[2+n:]
			s.drain()
			for { // read the answers
				_, fd, _, err := receive(peer, make([]byte, maxPacket))
				closeFD(fd)
				if err != nil || s.conn < 0 {
					break
				}
			}
		}
		for i, h := range s.held {
			if checkName([]byte(h.name)) != nil || i > 0 && s.held[i-1].name >= h.name {
				t.Errorf("held %q", s.held)
			}
			unix.Close(int(h.fd))
		}
		s.hangUp()
		unix.Close(peer)
		if after := lowest(t); after != before {
			t.Errorf("lowest free descriptor %d, was %d", after, before)
		}
	})
}

// lowest is the lowest free descriptor: it grows when one is left open.
func lowest(t *testing.T) int {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return fd
}
