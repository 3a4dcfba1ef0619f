package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/rpc"
)

// mount lets supervisord's clients speak to the daemon, on every socket. A password holds for
// everything that is said on its socket.
func (s *server) mount() {
	i := rpc.New(wireSide{s.daemon})
	s.ctl.Handle(rpc.Path, i)
	s.ctl.Handle(rpc.Path+"/", i)
	logTail := s.ctl.Streams(http.HandlerFunc(i.LogTail))
	s.ctl.Handle(rpc.LogTailPath, logTail)
	s.ctl.Handle(rpc.LogTailPath+"/", logTail)
	s.ctl.Handle(rpc.MainLogTailPath, s.ctl.Streams(http.HandlerFunc(i.MainLogTail)))
	s.ctl.Guard(guardOf(conf.Server{Network: "unix", Auth: s.config.Auth}))
}

// guardOf keeps out who has no password, and what a browser sends on behalf of a page of
// somebody else: for that, being on the same host is enough.
func guardOf(c conf.Server) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if c.Network == "tcp" {
			next = http.NewCrossOriginProtection().Handler(next)
		}
		return rpc.Guard(c.Auth.Username, c.Auth.Password, next)
	}
}

// doorName is how a server is known from one image to the next.
func doorName(c conf.Server) string { return c.Network + ":" + c.Address }

// openDoors opens the further sockets of the config, or goes on with those of the image before.
func (s *server) openDoors() error {
	handed := map[string]int{}
	if s.handed != nil {
		handed = s.handed.Doors
	}
	for _, c := range s.config.Servers {
		fd, was := handed[doorName(c)]
		delete(handed, doorName(c))
		l, err := openDoor(c, fd, was)
		if err != nil {
			return err
		}
		s.doors = append(s.doors, control.Door{Name: doorName(c), Listener: l, Guard: guardOf(c)})
		s.undo = append(s.undo, func() {
			if !s.left() {
				l.Close()
			}
		})
	}
	for _, fd := range handed { // not configured any more
		_ = unix.Close(fd)
	}
	return nil
}

func openDoor(c conf.Server, fd int, handed bool) (net.Listener, error) {
	if err := mayListen(c); err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %v", c.Address, err)
	}
	if handed && c.Network == "unix" {
		l, err := control.Inherit(fd, c.Address)
		if !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	} else if handed {
		f := os.NewFile(uintptr(fd), c.Address)
		defer f.Close()
		l, err := net.FileListener(f)
		if err != nil {
			err = fmt.Errorf("cannot inherit the listener of %q: %v", c.Address, err)
		}
		return l, err
	}
	if c.Network == "unix" {
		return control.Listen(c.Address, c.Mode, c.UID, c.GID)
	}
	l, err := net.Listen(c.Network, c.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w", c.Address, err)
	}
	return l, nil
}

// mayListen refuses what would let the whole network start programs here.
func mayListen(c conf.Server) error {
	if c.Network != "tcp" || c.Auth.Username != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return errors.New("without username and password only the host itself may be served: write 127.0.0.1, or set both")
}

// handDoors duplicates the listeners of the further sockets for a successor.
func (s *server) handDoors() (fds map[string]int, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	fds = map[string]int{}
	for _, d := range s.doors {
		c, ok := d.Listener.(syscall.Conn)
		if !ok {
			return nil, done, fmt.Errorf("cannot hand a listener of type %T down", d.Listener)
		}
		f, err := control.Duplicate(c, d.Name)
		if err != nil {
			return nil, done, err
		}
		files = append(files, f)
		fds[d.Name] = descriptor(f)
	}
	return fds, done, nil
}
