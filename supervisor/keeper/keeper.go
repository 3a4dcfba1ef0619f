package keeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options say where the keeper is and how to start one.
type Options struct {
	Socket string // its path; the folder must be there
	Exe    string // the binary; "": the one that runs
	// CgroupFD is the directory of the cgroup to be born in; -1: the
	// supervisor's. 0 is a descriptor, so it must be set.
	CgroupFD int
	// Failed is told of a Hold that the keeper could not take; nil: nobody
	// is. It runs where answers are read, so it must not call the Keeper.
	Failed func(name string, err error)
	Wait   time.Duration // for each thing the keeper is asked; 0: 5 s
}

// ErrReplaced is Err's answer when a newer connection took over.
var ErrReplaced = errors.New("a newer supervisor has connected to the keeper")

// ErrLost is the cause when the keeper is not there any more.
var ErrLost = errors.New("the keeper is gone")

// Keeper is a supervisor's connection to the process. Its methods may be
// called from any goroutine. None waits longer than Options.Wait.
type Keeper struct {
	conn   *net.UnixConn
	pid    int
	wait   time.Duration
	failed func(string, error)
	lost   chan struct{}

	write sync.Mutex // while a packet is sent

	mu      sync.Mutex
	next    uint32
	waiting map[uint32]chan answer
	err     error // why it was lost, or will be at once
}

type answer struct {
	packet
	fd  int
	err error
}

// Open connects to the keeper at o.Socket, or starts one. It replaces an
// older connection, another process's as well. One that hangs (stopped,
// frozen) fails it after o.Wait, so who calls it again leaves a pause.
func Open(o Options) (*Keeper, error) {
	if o.Exe == "" {
		o.Exe = self
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.Wait)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		k, err := connect(ctx, o)
		if err == nil || !again(err) {
			return k, err
		}
		if err := start(ctx, o); err != nil {
			return nil, err
		}
		if k, again := connect(ctx, o); again == nil {
			return k, nil
		}
		// Another starter has the lock and is about to listen, or a keeper
		// is about to end.
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot reach the keeper at %q: %v", o.Socket, err)
		case <-time.After(pause):
		}
	}
}

// again: the keeper is not there, or was about to end.
func again(err error) bool {
	for _, e := range []error{unix.ENOENT, unix.ECONNREFUSED, ErrLost, ErrReplaced} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func connect(ctx context.Context, o Options) (*Keeper, error) {
	address, release, err := address(o.Socket)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the keeper at %q: %w", o.Socket, err)
	}
	defer release()
	c, err := new(net.Dialer).DialContext(ctx, "unixpacket", address)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the keeper at %q: %w", o.Socket, err)
	}
	k := &Keeper{conn: c.(*net.UnixConn), wait: o.Wait, failed: o.Failed, lost: make(chan struct{}), waiting: map[uint32]chan answer{}}
	if k.pid, err = peer(k.conn); err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot trust the keeper at %q: %v", o.Socket, err)
	}
	go k.read()
	if _, err := k.ask(opHello, ""); err != nil {
		k.Close()
		return nil, fmt.Errorf("cannot reach the keeper at %q: %w", o.Socket, err)
	}
	return k, nil
}

// peer is the process that listens.
func peer(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return 0, e
	}
	if err != nil {
		return 0, err
	}
	if !trusts(os.Geteuid(), cred.Uid) {
		return 0, fmt.Errorf("process %d belongs to user %d", cred.Pid, cred.Uid)
	}
	return int(cred.Pid), nil
}

// Hold gives the keeper a copy of fd, in the place of what it holds under the
// name (1 to 255 bytes, no NUL). fd stays the caller's. When Hold returns nil
// the copy is safe, whatever becomes of the caller; the one thing that can
// go wrong afterwards, no room in the keeper, is told to Options.Failed. It
// waits only while the queue is full; when that lasts, the connection is given
// up (see Lost).
func (k *Keeper) Hold(name string, fd int) error {
	if err := checkName([]byte(name)); err != nil {
		return err
	}
	err := k.send(packet{op: opHold, body: []byte(name)}, unix.UnixRights(fd))
	if errors.Is(err, unix.ETOOMANYREFS) {
		// As many descriptors are under way as the caller may have open
		// (unix(7)): let the keeper take those first.
		if _, err = k.ask(opHello, ""); err == nil {
			err = k.send(packet{op: opHold, body: []byte(name)}, unix.UnixRights(fd))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot give %q to the keeper: %w", name, err)
	}
	return nil
}

// Drop lets the keeper close what it holds under the name, if anything. A
// keeper that is gone holds nothing.
func (k *Keeper) Drop(name string) {
	if checkName([]byte(name)) == nil {
		_ = k.send(packet{op: opDrop, body: []byte(name)}, nil) // fails with the connection: see Lost
	}
}

// PID is the keeper's process.
func (k *Keeper) PID() int { return k.pid }

// Lost is closed when the connection has ended: the keeper died, a newer
// connection took over, it took nothing for Options.Wait, or Close or End was
// called. Err says which. Who opens a new one holds everything again.
func (k *Keeper) Lost() <-chan struct{} { return k.lost }

// Err is nil until Lost is closed, then ErrLost, ErrReplaced or what else was
// wrong with the connection.
func (k *Keeper) Err() error {
	select {
	case <-k.lost:
	default:
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Close ends the connection. The keeper goes on holding.
func (k *Keeper) Close() {
	k.conn.Close()
	<-k.lost
}

// End lets go of everything: the keeper ends. It returns when the keeper
// cannot be reached any more.
func (k *Keeper) End() {
	err := k.send(packet{op: opEnd}, nil)
	for range 2 { // or it would wait a minute for a successor
		if err != nil {
			err = k.send(packet{op: opEnd}, nil)
		}
	}
	if err == nil {
		timer := time.NewTimer(k.wait)
		defer timer.Stop()
		select {
		case <-k.lost:
		case <-timer.C:
		}
	}
	k.Close()
}
