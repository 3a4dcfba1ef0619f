package state

import (
	"io"

	"golang.org/x/sys/unix"
)

// kernel are the calls that change the disk. Tests replace them. All return
// bare errnos.
type kernel struct {
	mkdir    func(path string, mode uint32) error
	open     func(path string, flags int) (int, error) // mode 0600, close on exec
	write    func(fd int, b []byte) (int, error)
	truncate func(fd int, size int64) error
	fsync    func(fd int) error
	rename   func(from, to string) error
	link     func(from, to string) error
	unlink   func(path string) error
}

func realKernel() kernel {
	return kernel{
		mkdir:    unix.Mkdir,
		open:     openFile,
		write:    unix.Write,
		truncate: unix.Ftruncate,
		fsync:    unix.Fsync,
		rename:   unix.Rename,
		link:     unix.Link,
		unlink:   unix.Unlink,
	}
}

func openFile(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// fdWriter writes to a descriptor until all is written or an error says why not.
type fdWriter struct {
	write func(fd int, b []byte) (int, error)
	fd    int
	n     int64 // written so far
}

func (w *fdWriter) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := w.write(w.fd, b[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		if n <= 0 {
			return done, io.ErrShortWrite
		}
		done += n
		w.n += int64(n)
	}
	return done, nil
}
