package keeper

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/hear"
	"bulkhead/supervisor/resident"
)

// idle is how long a keeper that holds nothing waits for a supervisor.
const idle = time.Minute

// garbage is how many names are taken before memory is given back: about
// 300 KiB of them.
const garbage = 4096

// patience is how long an answer may wait for a supervisor to read.
const patience = time.Second

// Run is the keeper's life. It binds socket (mode 0600), closes standard
// error once it can be reached, and returns when it is told to end, when no
// supervisor has been connected for a minute while it holds nothing or cannot
// be found any more, or, at once and without an error, when another keeper
// has the place. It owns the process: umask, limits and signals are changed.
func Run(socket string) error { return run(socket, idle) }

func run(socket string, idle time.Duration) error {
	// SIGTERM ends it, with the host; a ^C is for the foreground.
	signal.Ignore(unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGALRM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	endWithUnit()
	unix.Umask(0o177)
	_ = os.WriteFile("/proc/self/comm", []byte("bulkhead-keeper"), 0) // for ps alone
	raiseFiles()
	p, err := settle(socket)
	if err == errTaken {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.leave()
	if err := unix.Dup3(0, 2, 0); err != nil { // the starter reads to the end of it
		return fmt.Errorf("cannot close standard error: %v", err)
	}
	s := &server{place: p, conn: -1, idle: idle, in: make([]byte, maxPacket+1), out: make([]byte, 0, maxPacket)}
	slim(s.in)
	_ = resident.Lock() // what is held is held without it: only answers would be slow
	return s.loop()
}

// endWithUnit has the unit's own stop signals end the keeper too. They come to it
// only where all processes of the unit are told (KillMode=control-group) and it
// is one of them; Go would ignore them, and systemd wait until its time is up.
func endWithUnit() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, hear.Stop, hear.Leave)
	go func() {
		<-told
		unix.Exit(0)
	}()
}

// raiseFiles takes all descriptors it may have, and a few thousand in any
// case where it has the right.
func raiseFiles() {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return
	}
	const enough = 16 << 10
	if lim.Max < enough && unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: enough, Max: enough}) == nil {
		return
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: lim.Max, Max: lim.Max}) // Hold says what did not fit
}

type server struct {
	place *place
	conn  int // -1: no supervisor
	held  table
	idle  time.Duration
	ended bool
	taken int // names since memory was last given back
	in    []byte
	out   []byte
	names []byte
}

func (s *server) loop() error {
	defer s.hangUp()
	for !s.ended {
		ready := [2]unix.PollFd{{Fd: int32(s.place.listener), Events: unix.POLLIN}, {Fd: int32(s.conn), Events: unix.POLLIN}}
		wait := -1
		if s.conn < 0 {
			wait = int(s.idle.Milliseconds())
		}
		n, err := unix.Poll(ready[:], wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("cannot wait: %v", err)
		case n == 0:
			if len(s.held) == 0 || !s.place.found() {
				return nil
			}
			continue
		}
		if s.conn >= 0 && ready[1].Revents != 0 {
			s.drain()
		}
		if !s.ended && ready[0].Revents != 0 {
			s.accept()
		}
	}
	return nil
}

// accept takes the next connection in the place of the one there is.
func (s *server) accept() {
	fd, _, err := unix.Accept4(s.place.listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err == unix.EMFILE || err == unix.ENFILE {
		// It would be ready for ever: make room by what serves nobody now.
		s.hangUp()
		_, _ = unix.Poll(nil, 100)
		return
	}
	if err != nil {
		return
	}
	if !trusted(fd) {
		unix.Close(fd)
		return
	}
	if s.conn >= 0 {
		s.drain() // what its sender gave us counts
	}
	if s.conn >= 0 {
		s.answer(packet{op: opReplaced}, -1)
		s.hangUp()
	}
	if s.ended {
		unix.Close(fd)
		return
	}
	s.conn = fd
	s.drain()
}

// trusted: the same user, or root.
func trusted(fd int) bool {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	return err == nil && trusts(os.Geteuid(), cred.Uid)
}

func trusts(own int, uid uint32) bool { return uid == 0 || int(uid) == own }

func (s *server) hangUp() {
	if s.conn >= 0 {
		unix.Close(s.conn)
		s.conn = -1
	}
}

// drain handles every packet that is there.
func (s *server) drain() {
	for s.conn >= 0 && !s.ended {
		n, fd, lost, err := receive(s.conn, s.in)
		if err == unix.EAGAIN {
			return
		}
		if err != nil || n == 0 {
			closeFD(fd)
			s.hangUp()
			s.place.found()
			return
		}
		s.handle(s.in[:n], fd, lost)
	}
}

// handle owns fd. What is malformed ends the connection.
func (s *server) handle(b []byte, fd int, lost bool) {
	descriptors := 0
	if fd >= 0 || lost {
		descriptors = 1
	}
	p, err := parse(b)
	if err == nil {
		err = p.request(descriptors)
	}
	if err != nil {
		closeFD(fd)
		s.hangUp()
		return
	}
	switch p.op {
	case opHello:
		s.answer(packet{op: opHello, id: p.id}, -1)
	case opHold:
		if lost {
			s.answer(packet{op: opHold, id: p.id, errno: unix.EMFILE, body: p.body}, -1)
			return
		}
		s.hold(p.body, fd)
	case opDrop:
		s.held.drop(p.body)
	case opHeld:
		s.names = s.held.after(s.names[:0], p.body, maxPayload)
		s.answer(packet{op: opHeld, id: p.id, body: s.names}, -1)
	case opTake:
		if i, there := s.held.find(p.body); there {
			s.answer(packet{op: opTake, id: p.id}, int(s.held[i].fd))
			return
		}
		s.answer(packet{op: opTake, id: p.id, errno: unix.ENOENT}, -1)
	case opEnd:
		s.ended = true
	default:
		s.answer(packet{op: p.op, id: p.id, errno: unix.ENOSYS}, -1)
	}
}

// hold is the one thing that leaves garbage. The collector is off (see
// detach): its first round alone costs half of what the keeper needs.
func (s *server) hold(name []byte, fd int) {
	if !s.held.put(name, fd) {
		return
	}
	if s.taken++; s.taken == garbage {
		s.taken = 0
		debug.FreeOSMemory()
	}
}

// answer waits a moment for a supervisor that does not read, then hangs up.
func (s *server) answer(p packet, fd int) {
	p.answer = true
	s.out = p.append(s.out[:0])
	var oob []byte
	if fd >= 0 {
		oob = unix.UnixRights(fd)
	}
	for {
		err := unix.Sendmsg(s.conn, s.out, oob, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN && p.op != opReplaced {
			n, _ := unix.Poll([]unix.PollFd{{Fd: int32(s.conn), Events: unix.POLLOUT}}, int(patience.Milliseconds()))
			if n == 1 {
				continue
			}
		}
		// A dead supervisor's packets are still to be read: drain sees its end.
		if err != nil && err != unix.EPIPE && err != unix.ECONNRESET {
			s.hangUp()
		}
		return
	}
}
