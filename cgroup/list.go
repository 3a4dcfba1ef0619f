package cgroup

import (
	"errors"
	"fmt"
	"os"
)

// Entry is a directory in the tree: a run, or a program without runs.
type Entry struct {
	Program   string // as the configuration spells it; a name too long for a directory as that spells it
	Instance  string // "" for a program's own directory
	Run       uint64
	Path      string
	Populated bool
}

// OpenEntry opens a directory of List, to kill what is in it and remove it.
// (A name that was too long for a directory cannot be had back from it, so
// Program and OpenRun would not find that one again.)
func (t *Tree) OpenEntry(e Entry) (*Group, error) {
	g, err := t.openGroup(e.Path)
	if err != nil {
		return nil, err
	}
	g.instance, g.run = e.Instance, e.Run
	g.kill.open(g.fd)
	return g, nil
}

// List names what is in the tree: each run, and each program that has none.
// Directories that this package did not name are left out.
func (t *Tree) List() ([]Entry, error) {
	if t.mode == None {
		return nil, nil
	}
	base := t.top + "/" + programsDir
	programs, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("cannot list cgroups in %q: %v", base, bare(err))
	}
	var out []Entry
	for _, p := range programs {
		if !p.IsDir() {
			continue
		}
		e := Entry{Program: unescapeOr(p.Name()), Path: base + "/" + p.Name()}
		runs, err := t.listRuns(e)
		if err != nil {
			return nil, err
		}
		if len(runs) > 0 {
			out = append(out, runs...)
		} else if e.Populated, err = t.populated(e.Path); err == nil {
			out = append(out, e)
		}
	}
	return out, nil
}

func (t *Tree) listRuns(program Entry) ([]Entry, error) {
	dirs, err := os.ReadDir(program.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list cgroups in %q: %v", program.Path, bare(err))
	}
	var out []Entry
	for _, d := range dirs {
		e := program
		var ok bool
		if e.Instance, e.Run, ok = parseRunDir(d.Name()); !ok || !d.IsDir() {
			continue
		}
		e.Path += "/" + d.Name()
		if e.Populated, err = t.populated(e.Path); err == nil {
			out = append(out, e)
		}
	}
	return out, nil
}

// populated opens a directory just for that; an error means that it is gone.
func (t *Tree) populated(path string) (bool, error) {
	g, err := t.openGroup(path)
	if err != nil {
		return false, err
	}
	defer g.Close()
	return g.Populated()
}

// Sweep removes what earlier supervisors left empty, and returns the runs that
// still have processes. Call it before the first Program.
func (t *Tree) Sweep() ([]Entry, error) {
	all, err := t.List()
	if err != nil {
		return nil, err
	}
	var living []Entry
	var problems []error
	for _, e := range all {
		if e.Populated {
			living = append(living, e)
			continue
		}
		if err := t.removePath(e.Path); err != nil && !errors.Is(err, ErrBusy) {
			problems = append(problems, err)
		}
	}
	if len(all) > 0 { // programs whose runs have just been removed
		rest, err := t.List()
		problems = append(problems, err)
		for _, e := range rest {
			if e.Instance == "" && !e.Populated {
				if err := t.removePath(e.Path); err != nil && !errors.Is(err, ErrBusy) {
					problems = append(problems, err)
				}
			}
		}
	}
	return living, errors.Join(problems...)
}
