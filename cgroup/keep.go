package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
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
	dir := t.top + "/" + keeperDir
	if err := t.k.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot create cgroup %q: %w", dir, bare(err))
	}
	return t.writePath(dir+"/cgroup.procs", strconv.Itoa(pid))
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
