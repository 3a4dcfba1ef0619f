package keeper

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const backlog = 16

// errTaken: another keeper has the lock.
var errTaken = errors.New("another keeper is there")

// place is where a keeper can be found.
type place struct {
	path     string
	lock     int
	listener int
	node     node // the socket file
	lockNode node
}

type node struct{ dev, ino uint64 }

func nodeOf(path string) (node, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return node{uint64(st.Dev), st.Ino}, err
}

// settle takes the lock and binds the socket. The process umask must let
// nobody else in.
func settle(path string) (*place, error) {
	lock := path + ".lock"
	fd, err := unix.Open(lock, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock %q: %v", lock, err)
	}
	p := &place{path: path, lock: fd, listener: -1}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		p.leave()
		if err == unix.EWOULDBLOCK {
			return nil, errTaken
		}
		return nil, fmt.Errorf("cannot lock %q: %v", lock, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		p.leave()
		return nil, fmt.Errorf("cannot stat lock %q: %v", lock, err)
	}
	p.lockNode = node{uint64(st.Dev), st.Ino}
	if err := p.listen(); err != nil {
		p.leave()
		return nil, err
	}
	return p, nil
}

// listen binds anew. Who has the lock owns the path.
func (p *place) listen() error {
	if p.listener >= 0 {
		unix.Close(p.listener)
		p.listener = -1
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot create socket: %v", err)
	}
	_ = unix.Unlink(p.path) // a dead keeper's; if it cannot go, bind says so
	address, release, err := address(p.path)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: address})
		release()
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err == nil {
		p.node, err = nodeOf(p.path)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("cannot listen at %q: %v", p.path, err)
	}
	p.listener = fd
	return nil
}

// found is false when no supervisor will find this keeper any more: without
// the lock's file somebody else may be keeper by now. Where only the socket
// was removed, it is bound again, if not now then when asked the next time.
func (p *place) found() bool {
	if n, err := nodeOf(p.path); err == nil && n == p.node {
		return true
	}
	if n, err := nodeOf(p.path + ".lock"); err != nil || n != p.lockNode {
		return false
	}
	_ = p.listen()
	return true
}

// leave removes the socket if it is still this keeper's. The lock's file
// stays: removing it would let two keepers in.
func (p *place) leave() {
	if p.listener >= 0 {
		if n, err := nodeOf(p.path); err == nil && n == p.node {
			_ = unix.Unlink(p.path)
		}
		unix.Close(p.listener)
	}
	unix.Close(p.lock)
}

// address is path as bind and connect take it: at most 107 bytes (struct
// sockaddr_un, unix(7)), by way of the folder's descriptor where it is longer.
func address(path string) (string, func(), error) {
	if len(path) <= 107 {
		return path, func() {}, nil
	}
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + filepath.Base(path), func() { unix.Close(dir) }, nil
}
