package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/programs/jobs"
)

// notifier is the socket on which programs say READY=1 and JOBS_DONE=n. One
// serves all; who speaks is told by the kernel (SCM_CREDENTIALS), not by what
// is said. A process that has ended before its datagram is read cannot be told:
// what a short-lived helper sends may be lost, as it may be under systemd.
type notifier struct {
	host *host
	conn *net.UnixConn
	path string

	reading sync.Mutex // while a datagram is read and told, or none shall be
}

// pause keeps datagrams in the socket until the returned function is called.
func (n *notifier) pause() (resume func()) {
	_ = n.conn.SetReadDeadline(time.Unix(1, 0)) // wakes serve
	n.reading.Lock()
	return func() {
		_ = n.conn.SetReadDeadline(time.Time{})
		n.reading.Unlock()
	}
}

const notifyMost = 4096 // bytes of a datagram, as systemd takes

// listenNotify makes the socket beside the control socket. Every user may write
// to it: programs run as many.
func listenNotify(h *host, controlSocket string) (*notifier, error) {
	path := notifyPath(controlSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot replace %q: %v", path, err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		_ = os.Remove(path) // it may have been bound
		return nil, fmt.Errorf("cannot listen on %q: %v", path, err)
	}
	fail := func(err error) (*notifier, error) {
		conn.Close()
		os.Remove(path)
		return nil, fmt.Errorf("cannot prepare %q: %v", path, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return fail(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return fail(err)
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) }); err != nil {
		return fail(err)
	}
	if set != nil {
		return fail(set)
	}
	return &notifier{host: h, conn: conn, path: path}, nil
}

// serve reads until close.
func (n *notifier) serve() {
	text, oob := make([]byte, notifyMost), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for n.read(text, oob) {
	}
}

// lastMost is more than a socket holds (net.unix.max_dgram_qlen is 512 at most),
// and less than fills the loop's queue.
const lastMost = 512

// lastWords reads what is in the socket while we are paused and about to end.
// Where systemd keeps the socket it waits there for the next supervisor; elsewhere
// the path goes first, so that who comes later learns that nobody is there.
func (n *notifier) lastWords(kept bool) {
	if kept {
		return
	}
	_ = os.Remove(n.path)
	text, oob := make([]byte, notifyMost), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for range lastMost {
		_ = n.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		size, oobSize, _, _, err := n.conn.ReadMsgUnix(text, oob)
		if err != nil {
			return
		}
		if p := n.host.sender(senderPID(oob[:oobSize])); p != nil {
			p.notified(text[:size])
		}
	}
}

// read takes one datagram; false when the socket is closed.
func (n *notifier) read(text, oob []byte) bool {
	n.reading.Lock()
	defer n.reading.Unlock()
	size, oobSize, _, _, err := n.conn.ReadMsgUnix(text, oob)
	switch {
	case errors.Is(err, net.ErrClosed):
		return false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true // whoever paused us holds reading next
	case err != nil:
		time.Sleep(lookAgain) // out of memory, most likely; the next datagram may do
		return true
	}
	pid := senderPID(oob[:oobSize])
	p := n.host.sender(pid)
	if p == nil {
		n.host.starting.wait(birthSpeaks) // a quick one speaks before we know of it
		p = n.host.sender(pid)
	}
	if p != nil {
		p.notified(text[:size])
	}
	return true
}

func (n *notifier) close() {
	n.conn.Close()
	_ = os.Remove(n.path) // a path that cannot be removed is replaced at the next start
}

// inheritNotify goes on with the socket of the image before.
func inheritNotify(h *host, fd int, path string) (*notifier, error) {
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	c, err := net.FilePacketConn(f) // a duplicate, close-on-exec
	if err != nil {
		return nil, fmt.Errorf("cannot go on listening on %q: %v", path, err)
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("cannot go on listening on %q: not a unix socket", path)
	}
	return &notifier{host: h, conn: conn, path: path}, nil
}

func notifyPath(controlSocket string) string {
	return strings.TrimSuffix(controlSocket, ".sock") + ".notify.sock"
}

func senderPID(oob []byte) int {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range msgs {
		if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

// sender finds the run of a process: as its main one, by its cgroup, or by its
// session, whose number is the main process'.
func (h *host) sender(pid int) *process {
	if pid == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.pids[pid]; p != nil {
		return p
	}
	if own, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup"); err == nil {
		for line := range strings.Lines(string(own)) {
			path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
			if !ok || path == "/" {
				continue
			}
			for _, p := range h.runs {
				if p.comp.Path() != "" && strings.HasSuffix(p.comp.Path(), path) {
					return p
				}
			}
		}
	}
	if sid, err := unix.Getsid(pid); err == nil {
		return h.pids[sid]
	}
	return nil
}

// notified takes one datagram of the run.
func (p *process) notified(datagram []byte) {
	n, err := jobs.ParseNotify(datagram)
	if err != nil {
		p.host.post(trouble{p.ref, "notify socket", err})
	}
	if n.Ready {
		p.host.post(ready{p.ref})
	}
	if n.Watchdog {
		p.petted.Store(int64(time.Since(processStart)))
	}
	if n.Trigger {
		p.host.post(triggered{p.ref})
	}
	if n.JobsDone > 0 {
		p.mu.Lock()
		p.jobs += int(n.JobsDone)
		p.mu.Unlock()
		p.host.post(jobsDone{p.ref, int(n.JobsDone), 0})
	}
}
