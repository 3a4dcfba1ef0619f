package supervisor

import (
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/hear"
	"bulkhead/supervisor/resident"
	"bulkhead/supervisor/spawn"
)

// heapFirst is what the heap may become in a start, in bytes: of 2,000 instances.
const heapFirst = 32 << 20

// stayResident locks our memory, and has children born with the limit that we were born with.
func (s *server) stayResident() {
	if s.handed != nil && s.handed.Memlock != nil {
		resident.Inherit(*s.handed.Memlock)
	}
	resident.SmallHeap(heapFirst) // a huge page would be locked whole
	hear.AllowHuge()
	s.fleeting = resident.Lock()
	if born, raised := resident.Born(); raised {
		spawn.KeepMemlock(born.Soft, born.Hard)
	}
}

// questions are what a client asks when a host thrashes: how things are, and to stop
// somebody, here nobody.
var questions = []string{
	"GET /v1/status HTTP/1.1\r\nHost: bulkhead\r\n\r\n",
	"POST /v1/order HTTP/1.1\r\nHost: bulkhead\r\nContent-Type: application/json\r\nContent-Length: 33\r\nConnection: close\r\n\r\n" +
		`{"verb":"stop","names":["/none"]}`,
}

const drillMost = 5 * time.Second

// drill does what must be possible while the host thrashes, so that it is known what
// that takes: it answers a client, over a connection as any other's, and kills a run that has ended.
func (s *server) drill() {
	select {
	case <-s.loop.begun:
	default:
		return // nobody is answered yet
	}
	s.host.killer.do(&process{host: s.host, comp: ended{}, child: spawn.Gone(0)})
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(ends[0])
	most := unix.NsecToTimeval(int64(drillMost))
	_ = unix.SetsockoptTimeval(ends[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &most) // a server that ends closes its side
	if s.ctl.Carry([]control.Carried{{FD: ends[1]}}) != nil {
		return
	}
	for _, q := range questions {
		_, _ = unix.Write(ends[0], []byte(q)) // all that it is for is being tried
	}
	for b := make([]byte, 64<<10); ; {
		if n, err := unix.Read(ends[0], b); n <= 0 && err != unix.EINTR {
			return
		}
	}
}

// ended is the compartment of a run that is no more.
type ended struct{ compartment }

func (ended) Strike() bool { return true }
