package faults_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// life is one fault's: a supervisor, or one after the other.
type life struct {
	bin    string
	dir    string
	mark   string // in the environment of every program's process
	calls  *calls
	client *control.Client
	notify net.PacketConn
	all    []*serving
	spoken map[int]int // how often each process was asked to print
	*serving

	mu   sync.Mutex
	told []string // what clients were told in place of an answer
}

// serving is one process of `bulkhead serve`.
type serving struct {
	cmd    *exec.Cmd
	answer *listener
	ended  chan struct{} // closed when it has
	status error         // how; read it after ended
}

// begin starts a supervisor under the filter. close must be called.
func begin(bin string, want fault) (*life, error) {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return nil, err
	}
	n := &life{bin: bin, dir: dir, mark: filepath.Base(dir), calls: newCalls(namer{dir}, want), spoken: map[int]int{}}
	n.client = control.Dial(n.path("b.sock"))
	if err := n.configure(false); err != nil {
		return n, err
	}
	if n.notify, err = net.ListenPacket("unixgram", n.path("systemd")); err != nil {
		return n, err
	}
	go n.readNotify()
	return n, n.start()
}

func (n *life) path(name string) string { return filepath.Join(n.dir, name) }

// start runs the role that becomes the supervisor, and takes its listener.
func (n *life) start() error {
	closed, held, err := os.Pipe()
	if err != nil {
		return err
	}
	defer closed.Close()
	waits, release, err := os.Pipe()
	if err != nil {
		return err
	}
	defer release.Close()
	errs, err := os.OpenFile(n.path("stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer errs.Close()
	s := &serving{ended: make(chan struct{})}
	s.cmd = exec.Command("/proc/self/exe", n.bin, "serve", "-c", n.path("b.toml"))
	s.cmd.Env = append(os.Environ(), roleKey+"=filter", "NOTIFY_SOCKET="+n.path("systemd"))
	s.cmd.Stdout, s.cmd.Stderr = errs, errs
	s.cmd.ExtraFiles = []*os.File{held, waits}
	err = s.cmd.Start()
	held.Close()
	waits.Close()
	if err != nil {
		return err
	}
	n.serving = s
	n.all = append(n.all, s)
	_, _ = closed.Read(make([]byte, 1)) // its end: the filter is there, or the role has failed
	fd, err := take(s.cmd.Process.Pid, listenerFD)
	if err == nil {
		s.answer = listen(fd, s.cmd.Process.Pid, n.calls)
	}
	release.Close()
	go func() {
		s.status = s.cmd.Wait()
		close(s.ended)
	}()
	return err
}

// take copies a descriptor of another process (Linux 5.6).
func take(pid, fd int) (int, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot open process %d: %v", pid, err)
	}
	defer unix.Close(p)
	got, err := unix.PidfdGetfd(p, fd, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot take descriptor %d of process %d: %v", fd, pid, err)
	}
	return got, nil
}

// readNotify is systemd, which listens and says nothing.
func (n *life) readNotify() {
	b := make([]byte, 4096)
	for {
		if _, _, err := n.notify.ReadFrom(b); err != nil {
			return
		}
	}
}

// over says whether the supervisor has ended.
func (s *serving) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// hear keeps what a client was told.
func (n *life) hear(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, text)
}

func (n *life) heard() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.told, "\n")
}

// log is what the supervisor wrote: to its log with the rotated ones, and to
// its standard error.
func (n *life) log() (log, stderr string) {
	var all bytes.Buffer
	for i := 9; i >= 0; i-- {
		name := n.path("main.log")
		if i > 0 {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		b, _ := os.ReadFile(name) // most of them are not there
		all.Write(b)
	}
	b, _ := os.ReadFile(n.path("stderr"))
	return all.String(), string(b)
}

// close ends whatever is still there, and removes the directory.
func (n *life) close() {
	n.client.Close()
	for _, s := range n.all {
		_ = s.cmd.Process.Kill() // it has ended, mostly
		<-s.ended
	}
	for _, p := range n.processes(true) {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	for _, s := range n.all {
		if s.answer != nil {
			<-s.answer.done
		}
	}
	if n.notify != nil {
		n.notify.Close()
	}
	for _, dir := range n.cgroups() {
		removeTree(dir)
	}
	os.RemoveAll(n.dir)
}
