package supervisor

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// poller waits on all raw descriptors at once: pidfds, cgroup files, pressure
// triggers. Go's own poller cannot (it never asks for EPOLLPRI), and a
// goroutine blocked per descriptor would be a thread each.
//
// A watch's function runs on the poller's goroutine, edge-triggered, and must
// not block for long.
type poller struct {
	epoll int
	wake  int // eventfd that ends run

	mu      sync.Mutex
	watches map[int32]func()

	busy sync.Mutex // while a watch's function runs, or none shall
}

func newPoller() (*poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an epoll instance: %v", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("cannot create an event descriptor: %v", err)
	}
	p := &poller{epoll: ep, wake: wake, watches: map[int32]func(){}}
	if err := p.add(wake, unix.EPOLLIN, nil); err != nil {
		return nil, err
	}
	return p, nil
}

// add watches fd for events (EPOLLIN or EPOLLPRI) until remove.
func (p *poller) add(fd int, events uint32, do func()) error {
	p.mu.Lock()
	p.watches[int32(fd)] = do
	p.mu.Unlock()
	err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events | unix.EPOLLET, Fd: int32(fd)})
	if err != nil {
		p.mu.Lock()
		delete(p.watches, int32(fd))
		p.mu.Unlock()
		return fmt.Errorf("cannot watch descriptor %d: %v", fd, err)
	}
	return nil
}

// remove forgets fd; call it before closing fd. A call of its function may
// still be under way.
func (p *poller) remove(fd int) {
	p.mu.Lock()
	delete(p.watches, int32(fd))
	p.mu.Unlock()
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil) // not watched is what is wanted
}

// run calls the watches' functions until stop.
func (p *poller) run() {
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(p.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return // only a closed descriptor can do that
		}
		for _, e := range events[:n] {
			if int(e.Fd) == p.wake {
				return
			}
			p.mu.Lock()
			do := p.watches[e.Fd]
			p.mu.Unlock()
			if do != nil {
				p.busy.Lock()
				do()
				p.busy.Unlock()
			}
		}
	}
}

// pause waits for the function that runs and keeps others from running until
// the returned function is called; what happens meanwhile is told then.
func (p *poller) pause() (resume func()) {
	p.busy.Lock()
	return p.busy.Unlock
}

// stop ends run. The descriptors live until the process ends: a late remove
// must not meet a number that was given out again.
func (p *poller) stop() {
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}
