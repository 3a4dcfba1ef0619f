package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"
)

// Reclaim asks the kernel to take bytes back from the cgroup (memory.reclaim,
// Linux 5.19). Getting less is no error. It runs in the caller's time, which
// for gigabytes means seconds. errors.ErrUnsupported where it cannot be had.
func (g *Group) Reclaim(bytes int64) error {
	if bytes <= 0 {
		return nil
	}
	return g.reclaim(strconv.FormatInt(bytes, 10))
}

// ReclaimCache asks the kernel to take the cgroup's page cache back. Since Linux 6.9
// it is told to leave the rest alone; an older one may write some of that to swap.
func (g *Group) ReclaimCache() error {
	r, err := g.Read()
	if err != nil || r.Cache == 0 {
		return err
	}
	cache := strconv.FormatInt(r.Cache, 10)
	err = g.reclaim(cache + " swappiness=0")
	if errors.Is(err, unix.EINVAL) {
		err = g.reclaim(cache)
	}
	return err
}

func (g *Group) reclaim(request string) error {
	if !g.tree.has("memory") {
		return fmt.Errorf("cannot reclaim from %q: %w", g.path, errors.ErrUnsupported)
	}
	err := g.withDir(func(fd int) error { return writeAt(fd, "memory.reclaim", request) })
	switch {
	case err == nil || err == unix.EAGAIN: // EAGAIN: less than asked
		return nil
	case errors.Is(err, fs.ErrClosed):
		return err
	case vanished(err) && !g.alive():
		return fmt.Errorf("cannot reclaim from %q: %w", g.path, ErrGone)
	case err == unix.ENOENT:
		return fmt.Errorf("cannot reclaim from %q: %w", g.path, errors.ErrUnsupported)
	case err == unix.EINVAL:
		return fmt.Errorf("cannot reclaim %q from %q: %w", request, g.path, unix.EINVAL)
	}
	return fmt.Errorf("cannot reclaim %q from %q: %v", request, g.path, err)
}

// Remove removes the cgroup with the child cgroups that its processes may have
// made. What is still charged to it (page cache, mostly) is given back before:
// a removed cgroup stays in the kernel's memory as long as anything is. ErrBusy
// when processes are still there or just exiting; call again on the next event
// of PopulatedFD, or after some milliseconds. A cgroup already gone is
// no error. Read Counts and Read before: afterwards there is nothing to read.
func (g *Group) Remove() error {
	populated, err := g.Populated()
	if err != nil {
		return err
	}
	if populated {
		return fmt.Errorf("cannot remove cgroup %q: %w", g.path, ErrBusy)
	}
	g.giveBack()
	err = g.withDir(func(dir int) error {
		return walk(dir, g.path, g.removeOne)
	})
	if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	g.tree.unprotect(g.path)
	return nil
}

// removePath removes a cgroup that nobody has open.
func (t *Tree) removePath(path string) error {
	g, err := t.openGroup(path)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer g.Close()
	return g.Remove()
}

// removeOne removes one directory, if it is still the one that fd stands for.
func (g *Group) removeOne(fd int, path string) error {
	var held, named unix.Stat_t
	if err := unix.Fstat(fd, &held); err != nil {
		return fmt.Errorf("cannot stat cgroup %q: %v", path, err)
	}
	if err := unix.Lstat(path, &named); err != nil || named.Ino != held.Ino {
		return ErrGone
	}
	switch err := g.tree.k.rmdir(path); {
	case err == nil || vanished(err):
		return nil
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
		return fmt.Errorf("cannot remove cgroup %q: %w", path, ErrBusy)
	default:
		return fmt.Errorf("cannot remove cgroup %q: %v", path, bare(err))
	}
}

// giveBack has the kernel drop what is left charged. swappiness=0 (since about
// Linux 6.9) keeps leftover shared memory from being written to swap instead;
// older kernels refuse the word. Failing is harmless: the kernel drops the cache
// when it needs the room.
func (g *Group) giveBack() {
	if !g.tree.has("memory") {
		return
	}
	g.mu.Lock()
	left, err := g.readAmount(fileCurrent, "memory.current")
	g.mu.Unlock()
	if err != nil || left == 0 {
		return
	}
	n := strconv.FormatInt(left, 10)
	if err := g.reclaim(n + " swappiness=0"); errors.Is(err, unix.EINVAL) {
		g.reclaim(n)
	}
}
