package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

var (
	// ErrGone: the cgroup has been removed.
	ErrGone = errors.New("the cgroup is gone")
	// ErrBusy: processes (or child cgroups) are still there. Repeat after the
	// next event of PopulatedFD.
	ErrBusy = errors.New("the cgroup is busy")
)

// Group is one cgroup: a program's, or one run's inside it. Its methods may be
// called from several goroutines. It is bound to the directory it was opened
// with, not to the name: after a removal every method says ErrGone, even when
// a new directory has taken the name.
type Group struct {
	tree     *Tree
	path     string
	id       uint64
	instance string // of a run; "" for a program
	run      uint64
	fresh    bool // the directory is new: nothing has been written yet

	mu   sync.Mutex // guards the rest
	fd   int        // O_PATH; -1 when closed
	kept [fileCount]keptFile
	peak int64 // the highest memory.current seen, for kernels without memory.peak

	kill  killFile
	gauge gauge // where there is no memory controller
}

// kept files are opened once and read with pread ever after: reading through
// a new descriptor costs twenty times as much, and an event file is re-armed
// only through the descriptor that is polled.
type file int

const (
	fileCurrent file = iota
	fileStat
	fileSwap
	filePeak
	fileEvents
	filePids
	filePopulated
	fileCount
)

type keptFile struct {
	fd      int // valid when open
	open    bool
	missing bool // the kernel or the tree does not have it
}

func (t *Tree) openGroup(path string) (*Group, error) {
	fd, err := openDir(path)
	if err != nil {
		if err == unix.ENOENT {
			return nil, fmt.Errorf("cannot open cgroup %q: %w", path, ErrGone)
		}
		return nil, fmt.Errorf("cannot open cgroup %q: %v", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot stat cgroup %q: %v", path, err)
	}
	return &Group{tree: t, path: path, id: st.Ino, fd: fd, kill: killFile{fd: -1}}, nil
}

// NewRun makes the cgroup of one run inside a program's: a fresh directory
// <instance>.<run> that carries l, and memory.oom.group, before anything runs
// in it. Fresh, because a child born into a cgroup that cgroup.kill was ever written to is killed
// at birth (Linux 6.1.129, 6.12.16 and 6.14 up to 6.1.191 and 7.2.13), and
// because memory.peak and the event counters then start at zero.
// An empty directory of that name is removed first; ErrBusy when an earlier
// supervisor's processes still live in it.
func (g *Group) NewRun(instance string, run uint64, l Limits) (*Group, error) {
	path := g.path + "/" + runDir(instance, run)
	err := g.tree.k.mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		if err := g.tree.removePath(path); err != nil {
			return nil, fmt.Errorf("cannot replace cgroup %q: %w", path, err)
		}
		err = g.tree.k.mkdir(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot create cgroup %q: %w", path, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create cgroup %q: %v", path, bare(err))
	}
	r, err := g.tree.openGroup(path)
	if err != nil {
		g.tree.k.rmdir(path)
		return nil, err
	}
	r.instance, r.run, r.fresh = instance, run, true
	if err := r.Apply(l); err != nil {
		r.Remove()
		r.Close()
		return nil, err
	}
	r.fresh = false
	r.kill.open(r.fd)
	return r, nil
}

// OpenRun opens the cgroup of a run that an earlier supervisor started.
func (g *Group) OpenRun(instance string, run uint64) (*Group, error) {
	r, err := g.tree.openGroup(g.path + "/" + runDir(instance, run))
	if err != nil {
		return nil, err
	}
	r.instance, r.run = instance, run
	r.kill.open(r.fd)
	return r, nil
}

// Path is the cgroup's directory.
func (g *Group) Path() string { return g.path }

// ID is the kernel's id of the cgroup: the inode number of its directory.
func (g *Group) ID() uint64 { return g.id }

// FD is the directory's descriptor (O_PATH, close-on-exec) for
// SysProcAttr.CgroupFD; -1 after Close. It belongs to the group.
func (g *Group) FD() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fd
}

// Close releases the descriptors. The cgroup itself stays. Descriptors that
// EventsFD and PopulatedFD returned are closed with it: take them out of an
// epoll set first.
func (g *Group) Close() {
	g.kill.close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.kept {
		if k := &g.kept[i]; k.open {
			unix.Close(k.fd)
			*k = keptFile{}
		}
	}
	if g.fd >= 0 {
		unix.Close(g.fd)
		g.fd = -1
	}
}

func (g *Group) isRun() bool { return g.instance != "" || g.run != 0 }

// withDir runs do with a descriptor of the directory that stays open
// meanwhile. Not under the lock: a write to a limit can take as long as the
// kernel reclaims, and a reading must not wait for that.
func (g *Group) withDir(do func(fd int) error) error {
	g.mu.Lock()
	if g.fd < 0 {
		g.mu.Unlock()
		return fmt.Errorf("cannot use cgroup %q: %w", g.path, fs.ErrClosed)
	}
	fd, err := unix.FcntlInt(uintptr(g.fd), unix.F_DUPFD_CLOEXEC, 3)
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot duplicate descriptor of %q: %v", g.path, err)
	}
	defer unix.Close(fd)
	return do(fd)
}

func (g *Group) readFile(name string) (b []byte, err error) {
	err = g.withDir(func(fd int) error {
		b, err = readAt(fd, name)
		return err
	})
	return b, err
}

// have tells whether the cgroup has the interface file.
func (g *Group) have(name string) bool {
	return g.withDir(func(fd int) error {
		return unix.Faccessat(fd, name, unix.F_OK, 0)
	}) == nil
}

// alive tells whether the directory still exists; every cgroup has cgroup.procs.
func (g *Group) alive() bool { return g.have("cgroup.procs") }

// keep returns the descriptor of a kept file, opening it the first time; false
// when the cgroup does not have the file. The caller holds the lock.
func (g *Group) keep(f file, names ...string) (int, bool, error) {
	k := &g.kept[f]
	if k.open || k.missing {
		return k.fd, k.open, nil
	}
	if g.fd < 0 {
		return -1, false, fmt.Errorf("cannot use cgroup %q: %w", g.path, fs.ErrClosed)
	}
	for _, name := range names {
		fd, err := openAt(g.fd, name, unix.O_RDONLY)
		if err == nil {
			k.fd, k.open = fd, true
			return fd, true, nil
		}
		if err != unix.ENOENT {
			return -1, false, fmt.Errorf("cannot open %q: %v", g.path+"/"+name, err)
		}
	}
	if !exists(g.fd, "cgroup.procs") {
		return -1, false, fmt.Errorf("cannot open %q: %w", g.path+"/"+names[0], ErrGone)
	}
	k.missing = true
	return -1, false, nil
}

// buffer holds every kept file: memory.stat, the largest, takes 3 kB on Linux
// 7.2. Groups have none of their own: there may be thousands of them, idle.
type buffer [8 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// readKept reads a kept file into buf, or into a larger one when it has to; nil
// when there is no such file. The caller holds the lock.
func (g *Group) readKept(buf []byte, f file, names ...string) ([]byte, error) {
	fd, ok, err := g.keep(f, names...)
	if err != nil || !ok {
		return nil, err
	}
	b, err := preadRecord(fd, buf)
	if err != nil {
		if vanished(err) {
			return nil, fmt.Errorf("cannot read %q: %w", g.path+"/"+names[0], ErrGone)
		}
		return nil, fmt.Errorf("cannot read %q: %v", g.path+"/"+names[0], err)
	}
	return b, nil
}
