package faults_test

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listenerFD is where the role leaves the filter's listener for the test to take.
const listenerFD = 99

// filtered are the calls that the filter stops, by number. Reads are not among
// them, but for those that take a connection or a message, or tell who it is from.
// Nor are getsockname and getpeername: the kernel fails them for no socket of
// ours, and Go's library takes that for granted.
var filtered = map[int32]string{
	unix.SYS_WRITE: "write", unix.SYS_WRITEV: "writev", unix.SYS_PWRITE64: "pwrite64",
	unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_MKNODAT: "mknodat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_TRUNCATE: "truncate", unix.SYS_FALLOCATE: "fallocate",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FLOCK: "flock",
	unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHOWNAT: "fchownat", unix.SYS_FCHOWN: "fchown",
	unix.SYS_CLONE: "clone", unix.SYS_CLONE3: "clone3", unix.SYS_EXECVE: "execve", unix.SYS_PIPE2: "pipe2", unix.SYS_FCNTL: "fcntl",
	unix.SYS_SPLICE: "splice", unix.SYS_TEE: "tee", unix.SYS_MMAP: "mmap", unix.SYS_MEMFD_CREATE: "memfd_create",
	unix.SYS_SOCKET: "socket", unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen",
	unix.SYS_ACCEPT4: "accept4", unix.SYS_CONNECT: "connect", unix.SYS_SETSOCKOPT: "setsockopt",
	unix.SYS_SENDTO: "sendto", unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVMSG: "recvmsg", unix.SYS_RECVFROM: "recvfrom",
	unix.SYS_GETSOCKOPT: "getsockopt", unix.SYS_SHUTDOWN: "shutdown", unix.SYS_KILL: "kill",
	unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal",
	unix.SYS_EPOLL_CREATE1: "epoll_create1", unix.SYS_EPOLL_CTL: "epoll_ctl", unix.SYS_EVENTFD2: "eventfd2",
}

// only narrows a call to those with one of the bits in an argument (want true)
// or without it, so that the others cost nothing.
var only = map[int32]struct {
	arg  uint32
	bits uint32
	want bool
}{
	unix.SYS_CLONE: {0, unix.CLONE_THREAD, false}, // the Go runtime's threads: it cannot go on without
	unix.SYS_MMAP:  {3, unix.MAP_SHARED, true},
}

// program compiles filtered to BPF over struct seccomp_data (linux/seccomp.h).
func program() []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		bits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K
	)
	ask := unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF}
	pass := unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW}
	out := []unix.SockFilter{{Code: load, K: 0}}
	for nr := range filtered {
		o, narrow := only[nr]
		switch {
		case !narrow && nr == unix.SYS_FCNTL: // F_DUPFD_CLOEXEC alone
			out = append(out, unix.SockFilter{Code: equal, K: uint32(nr), Jf: 4},
				unix.SockFilter{Code: load, K: 16 + 8},
				unix.SockFilter{Code: equal, K: unix.F_DUPFD_CLOEXEC, Jf: 1}, ask, pass)
		case !narrow:
			out = append(out, unix.SockFilter{Code: equal, K: uint32(nr), Jf: 1}, ask)
		case o.want:
			out = append(out, unix.SockFilter{Code: equal, K: uint32(nr), Jf: 4},
				unix.SockFilter{Code: load, K: 16 + 8*o.arg}, // the low half: little endian
				unix.SockFilter{Code: bits, K: o.bits, Jf: 1}, ask, pass)
		default:
			out = append(out, unix.SockFilter{Code: equal, K: uint32(nr), Jf: 4},
				unix.SockFilter{Code: load, K: 16 + 8*o.arg},
				unix.SockFilter{Code: bits, K: o.bits, Jt: 1}, ask, pass)
		}
	}
	return append(out, pass)
}

// underFilter is the role that becomes the supervisor: it installs the filter,
// shows by closing descriptor 3 that the listener can be taken, waits on
// descriptor 4 until it was, and executes its arguments.
func underFilter() {
	runtime.LockOSThread() // the filter is this thread's, and its exec is the process'
	f := program()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	// WAIT_KILLABLE_RECV (Linux 5.19): a signal does not make a call that we have
	// seen begin again.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		fail("cannot install the seccomp filter: %v", errno)
	}
	if err := unix.Dup3(int(fd), listenerFD, unix.O_CLOEXEC); err != nil {
		fail("cannot place the listener: %v", err)
	}
	syscall.CloseOnExec(4)
	syscall.Close(3)
	var b [1]byte
	_, _ = syscall.Read(4, b[:])
	err := syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	fail("cannot execute %q: %v", os.Args[1], err)
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
