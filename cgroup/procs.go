package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Procs are the process ids of the whole subtree, zombies not among them.
func (g *Group) Procs() ([]int, error) {
	var pids []int
	err := g.withDir(func(dir int) error {
		return walk(dir, g.path, func(fd int, path string) error {
			b, err := readAt(fd, "cgroup.procs")
			switch {
			case err == unix.EOPNOTSUPP: // a threaded cgroup: its processes are listed by the domain above
				return nil
			case vanished(err):
				return ErrGone
			case err != nil:
				return fmt.Errorf("cannot read %q: %v", path+"/cgroup.procs", err)
			}
			pids = append(pids, parsePids(b)...)
			return nil
		})
	})
	if err != nil {
		return nil, goneAs("list processes of", g.path, err)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Recent is Procs in half as many system calls where the cgroup has no other below it,
// which is nearly always: for who asks each of many. A directory of kernfs has two links
// and one per child (fs/kernfs/inode.c, kernfs_refresh_inode).
func (g *Group) Recent() ([]int, error) {
	const alone = 2
	var pids []int
	found := false
	err := g.withDir(func(dir int) error {
		var st unix.Stat_t
		if err := unix.Fstat(dir, &st); err != nil || st.Nlink != alone {
			return nil
		}
		buf := buffers.Get().(*buffer)
		defer buffers.Put(buf)
		b, err := readBy(preadAll, dir, "cgroup.procs", buf[:])
		if err == nil {
			pids, found = parsePids(b), true
		}
		return nil
	})
	if err != nil || !found {
		return g.Procs()
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// parsePids reads cgroup.procs. A 0 is a process of a foreign pid namespace,
// whom no signal reaches.
func parsePids(b []byte) []int {
	var pids []int
	for line := range bytes.Lines(b) {
		if n, _, ok := leadingInt(line); ok && n > 0 && n < 1<<31 {
			pids = append(pids, int(n))
		}
	}
	return pids
}

// PopulatedFD is a descriptor of cgroup.events for poll or epoll with POLLPRI:
// it wakes when the first process comes, when the last one is gone, and when
// the cgroup is removed; call Populated after each wake-up, which arms it
// again. It belongs to the group and lives until Close.
func (g *Group) PopulatedFD() (int, error) { return g.pollFD(filePopulated, "cgroup.events") }

// Populated tells whether the subtree has a live process; zombies do not
// count. A removed cgroup has none.
func (g *Group) Populated() (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	b, err := g.readKept(buf[:], filePopulated, "cgroup.events")
	if errors.Is(err, ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	populated := false
	eachCount(b, func(key []byte, n uint64) {
		if string(key) == "populated" {
			populated = n != 0
		}
	})
	return populated, nil
}

// walk calls do for every directory below the open directory dir, children
// before parents, dir itself last. A directory that disappears meanwhile is
// passed over, except dir.
func walk(dir int, path string, do func(fd int, path string) error) error {
	names, err := children(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		fd, err := openAt(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot open cgroup %q: %v", path+"/"+name, err)
		}
		err = walk(fd, path+"/"+name, do)
		unix.Close(fd)
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return do(dir, path)
}

// children are the names of the directories in dir.
func children(dir int) ([]string, error) {
	fd, err := openAt(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if vanished(err) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list cgroup: %v", err)
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list cgroup: %v", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// goneAs words ErrGone, and leaves other errors, which name their file, alone.
func goneAs(verb, path string, err error) error {
	if errors.Is(err, ErrGone) {
		return fmt.Errorf("cannot %s cgroup %q: %w", verb, path, ErrGone)
	}
	return err
}
