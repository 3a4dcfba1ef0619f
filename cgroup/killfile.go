package cgroup

import (
	"sync"

	"golang.org/x/sys/unix"
)

// killFile is a run's cgroup.kill (Linux 5.14), open to write from its birth on: opening
// it takes half a kilobyte of the kernel's memory, and a kill is wanted where there is none. Its lock is its
// own, since a reading, which holds the group's, takes as long as the kernel gathers counters.
type killFile struct {
	mu sync.Mutex
	fd int // -1: there is no such file, or no descriptor was free
}

// open is not said to fail: Kill then opens the file when it is needed.
func (k *killFile) open(dir int) {
	fd, err := openAt(dir, "cgroup.kill", unix.O_WRONLY)
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fd = fd
}

var killWord = []byte("1")

// write reports whether the kernel took it.
func (k *killFile) write() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fd < 0 {
		return false
	}
	_, err := unix.Write(k.fd, killWord)
	for err == unix.EINTR {
		_, err = unix.Write(k.fd, killWord)
	}
	return err == nil
}

func (k *killFile) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fd >= 0 {
		unix.Close(k.fd)
		k.fd = -1
	}
}

// Strike is Kill where that takes one write to a descriptor that is held: nothing is
// allocated or opened, and no other method waited for. It reports whether it was done; if not,
// Kill does it, or says why not.
func (g *Group) Strike() bool { return g.kill.write() }
