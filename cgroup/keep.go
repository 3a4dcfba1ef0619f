package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"
)

// keptPatience is how long endKept waits; a dying process takes milliseconds.
const keptPatience = time.Second

// Keep moves a process of the supervisor's own, which is to outlive it, into
// <root>/bulkhead/keeper. In the cgroup of the supervisor's service systemd would kill it
// when the service is restarted. Retire kills it where there is nothing left
// that it could be needed for. In mode None nothing is done.
func (t *Tree) Keep(pid int) error {
	if t.mode == None {
		return nil
	}
	dir, err := t.keepDir()
	if err != nil {
		return err
	}
	procs := dir + "/cgroup.procs"
	if slices.Contains(words(procs), strconv.Itoa(pid)) {
		return nil
	}
	return t.writePath(procs, strconv.Itoa(pid))
}

// KeepFD opens the cgroup of Keep for a process to be born in: a move waits for every fork
// of the machine, 10 to 25 ms (synchronize_rcu in cgroup_attach_lock). -1 in mode None. It is
// the caller's to close.
func (t *Tree) KeepFD() (int, error) {
	if t.mode == None {
		return -1, nil
	}
	// Into one that was killed once nobody can be born, see NewRun.
	_ = t.k.rmdir(t.top + "/" + keeperDir) // fails when there is none, or somebody lives in it
	dir, err := t.keepDir()
	if err != nil {
		return -1, err
	}
	fd, err := openDir(dir)
	if err != nil {
		return -1, fmt.Errorf("cannot open cgroup %q: %v", dir, err)
	}
	return fd, nil
}

func (t *Tree) keepDir() (string, error) {
	dir := t.top + "/" + keeperDir
	if err := t.k.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("cannot create cgroup %q: %w", dir, bare(err))
	}
	return dir, nil
}

// endKept kills what Keep was given, and removes its directory.
func (t *Tree) endKept() error {
	g, err := t.openGroup(t.top + "/" + keeperDir)
	if errors.Is(err, ErrGone) {
		return nil // there is none
	}
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.Kill(); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		populated, err := g.Populated()
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
		if !populated || time.Since(began) > keptPatience {
			break
		}
	}
	return t.rmdirSoon(g.path)
}
