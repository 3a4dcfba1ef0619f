package supervisor

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

// fcgi is the listening socket of a FastCGI program, standard input of all its runs.
// It is there while a run has it, and closed with the last one.
type fcgi struct {
	program  string
	listener net.Listener // made by us; nil: taken over
	file     *os.File
	path     string // of a unix socket
	users    int    // under host.mu
}

func (f *fcgi) fd() int { return descriptor(f.file) }

// fcgiSocket returns the program's socket for one more run, making it for the first.
func (h *host) fcgiSocket(program string, c *conf.Fcgi) (*fcgi, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fcgis[program]
	if f == nil {
		var err error
		if f, err = listenFcgi(program, c); err != nil {
			return nil, err
		}
		h.fcgis[program] = f
	}
	f.users++
	return f, nil
}

func listenFcgi(program string, c *conf.Fcgi) (*fcgi, error) {
	var l net.Listener
	var err error
	if c.Network == "unix" {
		l, err = control.Listen(c.Address, c.Mode, c.UID, c.GID)
	} else {
		l, err = net.Listen(c.Network, c.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the FastCGI socket: %w", err)
	}
	f := &fcgi{program: program, listener: l}
	if c.Network == "unix" {
		f.path = c.Address
	}
	if f.file, err = control.Duplicate(l.(syscall.Conn), c.Address); err == nil {
		err = f.prepare(c.Backlog)
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("cannot make the FastCGI socket: %v", err)
	}
	return f, nil
}

// prepare makes the socket what a FastCGI program expects: one whose accept waits.
// Nobody accepts on it here.
func (f *fcgi) prepare(backlog int) error {
	if err := unix.SetNonblock(f.fd(), false); err != nil {
		return err
	}
	if backlog > 0 {
		return unix.Listen(f.fd(), backlog) // once more, to change it
	}
	return nil
}

// fcgiAdopt takes the socket over from a run that has it.
func (h *host) fcgiAdopt(p *process, c *conf.Fcgi) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fcgis[p.name.program]
	if f == nil {
		fd, err := unix.PidfdGetfd(p.child.PidFD, 0, 0) // Linux 5.6
		if err != nil {
			return fmt.Errorf("cannot take its FastCGI socket over: %v", err)
		}
		if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || n == 0 {
			unix.Close(fd)
			return fmt.Errorf("cannot take its FastCGI socket over: standard input is no listening socket")
		}
		f = &fcgi{program: p.name.program, file: os.NewFile(uintptr(fd), "fcgi")}
		if c.Network == "unix" {
			f.path = c.Address
		}
		h.fcgis[f.program] = f
	}
	f.users++
	p.fcgi = f
	return nil
}

// fcgiDrop gives the socket back.
func (h *host) fcgiDrop(f *fcgi) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.users--; f.users > 0 {
		return
	}
	if h.fcgis[f.program] == f {
		delete(h.fcgis, f.program)
	}
	f.close()
}

func (f *fcgi) close() {
	if f.file != nil {
		_ = f.file.Close() // only ours: a run that lives on has its own
	}
	switch {
	case f.listener != nil:
		_ = f.listener.Close() // which removes its path, if that still is ours
	case f.path != "":
		_ = os.Remove(f.path)
	}
}
