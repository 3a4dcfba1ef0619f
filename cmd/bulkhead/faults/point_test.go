package faults_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// failure is how a call is to fail: the point that it is, and the error. The
// zero value leaves the call alone.
type failure struct {
	call  string
	on    object
	errno unix.Errno
}

// point names the kind of a call, "" for one that is left alone, and what it
// fails with when it is to fail. The caller holds the lock.
func (l *listener) point(n *notification) (string, unix.Errno) {
	f := l.onFile(n)
	for _, more := range []func(*notification) failure{l.onPath, l.onSocket, l.onProcess} {
		if f.call == "" {
			f = more(n)
		}
	}
	if f.on.name == "[eventfd]" {
		return "", 0 // by which the Go runtime wakes itself: it panics without
	}
	return strings.TrimSpace(f.call + " " + f.on.name), f.errno
}

// onFile are the calls whose first argument is a descriptor.
func (l *listener) onFile(n *notification) failure {
	call, a := filtered[n.nr], n.args
	fd := func() object { return l.name.of(l.fdPath(a[0])) }
	switch call {
	case "write", "writev", "pwrite64", "ftruncate":
		on := fd()
		errno := on.full()
		if on.name == "socket" {
			on.name = l.socket(a[0])
		}
		return failure{call, on, errno}
	case "fallocate":
		if a[1]&unix.FALLOC_FL_PUNCH_HOLE != 0 {
			call = "punch"
		}
		return failure{call, fd(), unix.ENOSPC}
	case "fsync", "fdatasync":
		return failure{call, fd(), unix.EIO}
	case "fchmod", "fchown":
		return failure{call, fd(), unix.EPERM}
	case "flock":
		return failure{call, fd(), unix.ENOLCK}
	case "fcntl":
		return failure{"dup", fd(), unix.EMFILE}
	case "splice", "tee":
		return failure{call, fd(), unix.ENOMEM}
	case "mmap":
		return failure{"mmap shared", l.name.of(l.fdPath(a[4])), unix.ENOMEM}
	}
	return failure{}
}

// onPath are the calls that name a file.
func (l *listener) onPath(n *notification) failure {
	call, a := filtered[n.nr], n.args
	path := func(dir, name int) string { return l.path(n, a[dir], a[name]) }
	at := func(dir, name int) object { return l.name.of(path(dir, name)) }
	switch call {
	case "openat":
		on := at(0, 1)
		if call = openVerb(a[2]); call == "open" && (on.alien && on.name != "/proc/N/stat" || on.reading) {
			return failure{}
		}
		return failure{call, on, unix.EMFILE}
	case "mkdirat", "mknodat":
		if on := at(0, 1); on.cgroup {
			return failure{call, on, unix.ENOMEM}
		}
		return failure{call, at(0, 1), unix.ENOSPC}
	case "unlinkat":
		directory := a[2]&unix.AT_REMOVEDIR != 0
		if info, err := os.Lstat(path(0, 1)); err != nil || info.IsDir() != directory {
			return failure{} // it fails without us: Go's Remove tries both
		}
		if directory {
			return failure{"rmdir", at(0, 1), unix.EBUSY}
		}
		return failure{"unlink", at(0, 1), unix.EIO}
	case "renameat", "renameat2":
		return failure{"rename to", at(2, 3), unix.EIO}
	case "linkat":
		return failure{"link", at(2, 3), unix.EIO}
	case "symlinkat":
		return failure{"symlink", at(1, 2), unix.EIO}
	case "truncate":
		return failure{call, l.name.of(l.text(n, a[0])), unix.EIO}
	case "fchmodat", "fchownat":
		return failure{call, at(0, 1), unix.EPERM}
	}
	return failure{}
}

// onSocket are the calls about sockets.
func (l *listener) onSocket(n *notification) failure {
	call, a := filtered[n.nr], n.args
	switch call {
	case "socket":
		return failure{call, object{name: socketKind(a[0], a[1])}, unix.EMFILE}
	case "socketpair", "accept4":
		return failure{call, object{}, unix.EMFILE}
	case "bind", "connect":
		return failure{call, l.name.of(l.address(n, a[1])), unix.EACCES}
	case "listen":
		return failure{call, object{}, unix.EADDRINUSE}
	case "setsockopt":
		return failure{call, object{name: strconv.FormatUint(a[2], 10)}, unix.ENOMEM}
	case "sendto", "sendmsg":
		return failure{call, object{name: l.socket(a[0])}, unix.ENOBUFS}
	case "getsockopt":
		return failure{call, object{name: strconv.FormatUint(a[2], 10) + " of " + l.socket(a[0])}, unix.ENOBUFS}
	case "shutdown":
		return failure{call, object{name: l.socket(a[0])}, unix.ENOBUFS}
	case "recvmsg", "recvfrom":
		return failure{call, object{name: l.socket(a[0])}, unix.ENOMEM}
	}
	return failure{}
}

// onProcess are the calls about processes, and those that make descriptors.
func (l *listener) onProcess(n *notification) failure {
	call, a := filtered[n.nr], n.args
	switch call {
	case "clone", "clone3":
		if call == "clone3" && a[0] == 0 {
			return failure{} // only asks whether the call is there
		}
		return failure{"fork", object{name: call}, unix.EAGAIN}
	case "execve":
		return failure{call, object{}, unix.ETXTBSY}
	case "kill":
		if a[1] == 0 {
			return failure{} // only asks whether it is there
		}
		return failure{call, object{}, unix.EPERM}
	case "memfd_create":
		return failure{call, object{name: l.text(n, a[0])}, unix.EMFILE}
	case "pipe2", "pidfd_open":
		return failure{call, object{}, unix.EMFILE}
	case "pidfd_send_signal":
		if a[1] == 0 {
			return failure{} // only asks whether the call is there
		}
		return failure{call, object{}, unix.EPERM}
	case "epoll_create1", "eventfd2":
		if !l.runtime[call] { // its poller's, made first: it panics without
			l.runtime[call] = true
			return failure{}
		}
		return failure{call, object{}, unix.EMFILE}
	case "epoll_ctl":
		return l.watching(a)
	}
	return failure{}
}

// watching is the failure of an epoll_ctl.
func (l *listener) watching(a [6]uint64) failure {
	on := l.name.of(l.fdPath(a[2])).name
	if on == "socket" {
		on = l.socket(a[2])
	}
	if on == "[eventfd]" || a[1] == unix.EPOLL_CTL_DEL {
		return failure{} // a removal fails for no reason but that it is not there
	}
	whose := "epoll"
	if a[0] == l.epoll {
		whose = "Go's epoll"
		if on != "pipe" && !strings.HasPrefix(on, "socket") && on != "output FIFO" {
			return failure{} // files, which Go reads as well without
		}
	}
	return failure{"watch", object{name: on + " by " + whose}, unix.ENOSPC}
}

// openVerb says what an open is for.
func openVerb(flags uint64) string {
	switch {
	case flags&unix.O_CREAT != 0:
		return "create"
	case flags&unix.O_ACCMODE != unix.O_RDONLY:
		return "open to write"
	}
	return "open"
}

func socketKind(family, kind uint64) string {
	f, ok := map[uint64]string{unix.AF_UNIX: "unix", unix.AF_NETLINK: "netlink"}[family]
	if !ok {
		f = "other"
	}
	return f + " " + kinds[int(kind&0xf)]
}

var kinds = map[int]string{unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "datagram", unix.SOCK_SEQPACKET: "seqpacket", unix.SOCK_RAW: "raw"}

// socket names a socket by its kind, and says whether it listens.
func (l *listener) socket(fd uint64) string {
	own, err := take(l.pid, int(fd))
	if err != nil {
		return "socket"
	}
	defer unix.Close(own)
	kind, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_TYPE)
	if listens, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); listens == 1 {
		return "socket listening"
	}
	return "socket " + kinds[kind]
}

// fdPath is what /proc says of a descriptor of the supervisor.
func (l *listener) fdPath(fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", l.pid, int32(fd)))
	return path
}

// path is a path argument, absolute.
func (l *listener) path(n *notification, dir, addr uint64) string {
	path := l.text(n, addr)
	if filepath.IsAbs(path) {
		return path
	}
	if int32(dir) == unix.AT_FDCWD {
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", l.pid))
		return filepath.Join(cwd, path)
	}
	return filepath.Join(l.fdPath(dir), path)
}

// text is a C string in the memory of the calling thread.
func (l *listener) text(n *notification, addr uint64) string {
	b := l.memory(n, addr, 512)
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// address is the path of a struct sockaddr_un.
func (l *listener) address(n *notification, addr uint64) string {
	b := l.memory(n, addr, 110)
	if len(b) < 3 || binary.NativeEndian.Uint16(b) != unix.AF_UNIX {
		return ""
	}
	s, _, _ := strings.Cut(string(b[2:]), "\x00")
	return s
}

// memory reads up to size bytes, fewer when they reach over the end of a mapping.
func (l *listener) memory(n *notification, addr uint64, size int) []byte {
	const page = 4096
	b := make([]byte, size)
	read := func(length int) int {
		local := []unix.Iovec{{Base: &b[0], Len: uint64(length)}}
		got, _ := unix.ProcessVMReadv(int(n.tid), local, []unix.RemoteIovec{{Base: uintptr(addr), Len: length}}, 0)
		return got
	}
	got := read(size)
	if got <= 0 {
		got = read(min(size, page-int(addr%page)))
	}
	return b[:max(got, 0)]
}
