package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// Lock is this process's right to the state in a directory. It ends with
// Release or with the process, never before.
type Lock struct {
	dir string
	fd  int // -1 when released
}

// InUseError: another process has the directory.
type InUseError struct {
	Dir string
	PID int // of the one that took the lock; 0 when it has not said so yet
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("cannot use state directory %q: another supervisor uses it", e.Dir)
	}
	if unix.Kill(e.PID, 0) == unix.ESRCH {
		// A child between fork and exec shares the lock.
		return fmt.Sprintf("cannot use state directory %q: process %d has ended and a child of it still holds the lock", e.Dir, e.PID)
	}
	return fmt.Sprintf("cannot use state directory %q: another supervisor, process %d, uses it", e.Dir, e.PID)
}

// TakeLock takes dir for this process: a flock on dir/lock, into which the pid
// is written. dir is made when it is missing (0700, parents 0755). When another
// has it that is an *InUseError at once.
//
// flock and not fcntl: it belongs to the open file and so comes through an exec
// with the descriptor (see InheritLock), and it is told apart within a process.
func TakeLock(dir string) (*Lock, error) {
	if err := makeDir(realKernel(), dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	for {
		fd, err := openFile(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW)
		if err != nil {
			return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
		}
		l := &Lock{dir: dir, fd: fd}
		if err := l.lock(path); err != nil {
			unix.Close(fd)
			return nil, err
		}
		if !l.is(path) { // removed between open and flock: that lock locks nobody out
			unix.Close(fd)
			continue
		}
		if err := l.writePID(path); err != nil {
			unix.Close(fd)
			return nil, err
		}
		return l, nil
	}
}

// InheritLock takes over a lock whose descriptor came through an exec of the
// same process, and sets close-on-exec again. Where dir/lock is no longer that
// file, because somebody removed it, the lock is taken anew. The descriptor
// belongs to the Lock also when there is an error.
func InheritLock(dir string, fd int) (*Lock, error) {
	l := &Lock{dir: dir, fd: fd}
	path := filepath.Join(dir, lockFile)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot take over lock %q from descriptor %d: %w", path, fd, err)
	}
	if !l.is(path) {
		fresh, err := TakeLock(dir)
		unix.Close(fd)
		return fresh, err
	}
	err := l.lock(path) // nothing happens when we hold it, as we should
	if err == nil {
		err = l.writePID(path)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return l, nil
}

// FD is the descriptor that holds the lock; close-on-exec is set. -1 when released.
func (l *Lock) FD() int { return l.fd }

// Release lets go. The file stays: removing it would let two others in at once.
func (l *Lock) Release() {
	if l.fd >= 0 {
		unix.Ftruncate(l.fd, 0) // nobody has it: no pid to mislead
		unix.Close(l.fd)
		l.fd = -1
	}
}

func (l *Lock) lock(path string) error {
	for {
		switch err := unix.Flock(l.fd, unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return &InUseError{Dir: l.dir, PID: l.holder()}
		default:
			return fmt.Errorf("cannot lock %q: %w", path, err)
		}
	}
}

// is reports whether path is the file that we hold.
func (l *Lock) is(path string) bool {
	var mine, there unix.Stat_t
	return unix.Fstat(l.fd, &mine) == nil && unix.Lstat(path, &there) == nil && mine.Dev == there.Dev && mine.Ino == there.Ino
}

// holder is the pid in the file, or, before it is written, the kernel's word.
func (l *Lock) holder() int {
	b := make([]byte, 32)
	n, err := unix.Pread(l.fd, b, 0)
	if pid, bad := strconv.Atoi(strings.TrimSpace(string(b[:max(n, 0)]))); err == nil && bad == nil && pid > 0 {
		return pid
	}
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(l.fd, &st) != nil {
		return 0
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for line := range strings.Lines(string(locks)) {
		// 12: FLOCK  ADVISORY  WRITE 4711 fe:01:393226 0 EOF (a waiter has "->" after the number)
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "FLOCK" && f[5] == file {
			pid, _ := strconv.Atoi(f[4])
			return max(pid, 0)
		}
	}
	return 0
}

func (l *Lock) writePID(path string) error {
	pid := strconv.AppendInt(nil, int64(os.Getpid()), 10)
	err := unix.Ftruncate(l.fd, 0)
	if err == nil {
		_, err = unix.Pwrite(l.fd, append(pid, '\n'), 0)
	}
	// The pid is for the message of a second supervisor, which finds it in
	// /proc/locks as well: a full disk does not keep us from starting.
	if err != nil && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("cannot write pid to lock %q: %w", path, err)
	}
	return nil
}
