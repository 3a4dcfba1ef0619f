package cgroup

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// openAt opens name below the directory descriptor dir. The descriptor is
// plain: not in Go's poller, not O_NONBLOCK (see the package comment).
func openAt(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openDir opens a directory as a mere reference: enough for openAt, fstat and
// CLONE_INTO_CGROUP.
func openDir(path string) (int, error) {
	return openAt(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY)
}

// writeAt writes value to the file in one write, as cgroup files demand.
// O_TRUNC means nothing there; it is what a shell's ">" passes too. It returns
// the bare errno.
func writeAt(dir int, name, value string) error {
	fd, err := openAt(dir, name, unix.O_WRONLY|unix.O_TRUNC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return writeFD(fd, value)
}

// writeTries bounds the repetition of an interrupted write: memory.reclaim
// gives up with EINTR whenever a signal is pending.
const writeTries = 16

func writeFD(fd int, value string) error {
	var err error
	for range writeTries {
		if _, err = unix.Write(fd, []byte(value)); err != unix.EINTR {
			return err
		}
	}
	return err
}

// ReadFile returns the whole of a file of /proc or /sys. os.ReadFile has the runtime's
// poller watch such a file meanwhile, which wakes another thread. The error is the bare
// errno.
func ReadFile(name string) ([]byte, error) { return readAt(unix.AT_FDCWD, name) }

// readAt returns the whole file. It returns the bare errno.
func readAt(dir int, name string) ([]byte, error) {
	return readBy(preadAll, dir, name, make([]byte, 4096))
}

// readRecord is readAt of a file that is made as one record, by way of buf, whose memory
// the result may share.
func readRecord(name string, buf []byte) ([]byte, error) {
	return readBy(preadRecord, unix.AT_FDCWD, name, buf)
}

func readBy(pread func(fd int, buf []byte) ([]byte, error), dir int, name string, buf []byte) ([]byte, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return pread(fd, buf)
}

// preadAll reads the file from its start into buf, growing it when the file is
// larger, and returns what was read; the result shares buf's memory. Reading
// from offset 0 is also what re-arms poll on an event file.
func preadAll(fd int, buf []byte) ([]byte, error) {
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf)+512)...)
		}
		m, err := unix.Pread(fd, buf[n:], int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case m == 0:
			return buf[:n], nil
		}
		n += m
	}
}

// preadRecord is preadAll for the files that the kernel makes as one record, as all
// counters and what /proc says of one process: a read that leaves room in buf has got
// everything.
func preadRecord(fd int, buf []byte) ([]byte, error) {
	for {
		n, err := unix.Pread(fd, buf, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n < len(buf):
			return buf[:n], nil
		}
		buf = make([]byte, 2*len(buf))
	}
}

// exists tells whether the directory has the file.
func exists(dir int, name string) bool {
	return unix.Faccessat(dir, name, unix.F_OK, 0) == nil
}

// parseAmount reads a file that holds one number or the word "max".
func parseAmount(b []byte) (int64, bool) {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	if string(b) == "max" {
		return Unlimited, true
	}
	n, rest, ok := leadingInt(b)
	return n, ok && len(rest) == 0
}

// leadingInt reads the decimal digits b starts with, without allocating. A
// number too large for int64 reads as Unlimited: the kernel's counters are
// unsigned.
func leadingInt(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := int64(b[i] - '0')
		if n > (Unlimited-d)/10 {
			n = Unlimited
			continue
		}
		n = n*10 + d
	}
	return n, b[i:], i > 0
}

// amount spells a limit for the kernel.
func amount(n int64) string {
	if n == Unlimited {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

// vanished tells whether the error means that the cgroup was removed: ENOENT
// when opening in it, ENODEV when using a file that was open before.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}
