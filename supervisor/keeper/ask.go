package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Held is the names of all that the keeper holds, sorted.
func (k *Keeper) Held() ([]string, error) {
	var all []string
	for last := ""; ; last = all[len(all)-1] {
		a, err := k.ask(opHeld, last)
		if err != nil {
			return nil, fmt.Errorf("cannot list what the keeper holds: %w", err)
		}
		if len(a.body) == 0 {
			return all, nil
		}
		all = append(all, strings.Split(string(a.body), "\x00")...)
	}
}

// Take returns a descriptor of its own of what the keeper holds under the
// name, and the keeper goes on holding it. The cause is unix.ENOENT when it
// holds nothing. The caller closes fd.
func (k *Keeper) Take(name string) (fd int, err error) {
	if err := checkName([]byte(name)); err != nil {
		return -1, err
	}
	a, err := k.ask(opTake, name)
	if err == nil && a.fd < 0 {
		err = errors.New("no descriptor came")
	}
	if err != nil {
		closeFD(a.fd)
		return -1, fmt.Errorf("cannot take %q from the keeper: %w", name, err)
	}
	return a.fd, nil
}

// send puts one packet into the keeper's queue.
func (k *Keeper) send(p packet, oob []byte) error {
	select {
	case <-k.lost:
		return k.Err()
	default:
	}
	k.write.Lock()
	defer k.write.Unlock()
	k.conn.SetWriteDeadline(time.Now().Add(k.wait))
	_, _, err := k.conn.WriteMsgUnix(p.append(nil), oob, nil)
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET), errors.Is(err, net.ErrClosed):
		return ErrLost
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("the keeper has taken nothing for %v", k.wait)
		k.mu.Lock()
		k.err = err
		k.mu.Unlock()
		k.conn.Close() // or every call would wait as long
	}
	return err
}

// ask sends a request and waits for its answer.
func (k *Keeper) ask(o op, name string) (answer, error) {
	c := make(chan answer, 1)
	k.mu.Lock()
	k.next++
	id := k.next
	k.waiting[id] = c
	k.mu.Unlock()
	if err := k.send(packet{op: o, id: id, body: []byte(name)}, nil); err != nil {
		k.forget(id)
		return answer{fd: -1}, err
	}
	timer := time.NewTimer(k.wait)
	defer timer.Stop()
	var a answer
	select {
	case a = <-c:
	case <-timer.C:
		if k.forget(id) {
			return answer{fd: -1}, fmt.Errorf("no answer within %v", k.wait)
		}
		a = <-c // it came just now
	}
	if a.err == nil && a.errno != 0 {
		a.err = a.errno
	}
	return a, a.err
}

// forget reports whether nobody has answered yet.
func (k *Keeper) forget(id uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there := k.waiting[id]
	delete(k.waiting, id)
	return there
}

// read takes answers to the end of the connection.
func (k *Keeper) read() {
	cause := ErrLost
	b := make([]byte, maxPacket+1)
	oob := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := k.conn.ReadMsgUnix(b, oob)
		if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			cause = fmt.Errorf("%w: %v", ErrLost, err)
		}
		if err != nil || n == 0 {
			break
		}
		fd := descriptor(oob[:oobn])
		p, err := parse(b[:n])
		if err != nil || !p.answer {
			closeFD(fd)
			cause = fmt.Errorf("cannot understand the keeper: %v", err)
			break
		}
		if p.op == opReplaced {
			cause = ErrReplaced
		}
		k.deliver(p, fd)
	}
	k.conn.Close()
	k.mu.Lock()
	if k.err == nil {
		k.err = cause
	}
	for id, c := range k.waiting {
		c <- answer{fd: -1, err: cause}
		delete(k.waiting, id)
	}
	k.mu.Unlock()
	close(k.lost)
}

func (k *Keeper) deliver(p packet, fd int) {
	if p.op == opHold {
		closeFD(fd)
		if k.failed != nil {
			k.failed(string(p.body), p.errno)
		}
		return
	}
	p.body = append([]byte(nil), p.body...)
	k.mu.Lock()
	c, there := k.waiting[p.id]
	delete(k.waiting, p.id)
	k.mu.Unlock()
	if !there {
		closeFD(fd)
		return
	}
	c <- answer{packet: p, fd: fd}
}
