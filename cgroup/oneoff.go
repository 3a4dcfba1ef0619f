package cgroup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// oneoffDir holds single commands, beside the tree of a supervisor.
const oneoffDir = "bulkhead-exec"

// Oneoffs is where single commands live that no supervisor runs:
// <root>/bulkhead-exec/<label>.<owner>, one directory each. It is not in the
// supervisor's tree, which may be elsewhere, not there, or just being removed.
type Oneoffs struct {
	tree  *Tree
	from  string // the site's directory, or our own cgroup: what limits a command from above
	owner Owner
	proc  string
}

// OpenOneoffs finds where the cgroup of a command can be made and prepares it. No
// process is moved: where the caller's own cgroup would have to be emptied for limits,
// they cannot be held. Inside a cgroup of ours (a program's, another command's)
// the command stays in there, since that one's limits are meant for it too.
//
// With Mode "require" it is an error where memory limits cannot be held, and with "off" nothing
// is touched. Of the other options only Proc and Mount count.
func OpenOneoffs(o Options) (*Oneoffs, error) { return openOneoffs(o, realKernel()) }

func openOneoffs(o Options, k kernel) (*Oneoffs, error) {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	s := &Oneoffs{tree: &Tree{k: k, lock: -1, protection: map[string]protection{}}, proc: o.Proc}
	h, err := look(o)
	s.tree.mount, s.from = h.mount, h.own
	switch {
	case o.Mode == "off":
		s.tree.why = "limits are not held: cgroups are switched off"
		return s, nil
	case err != nil:
		s.tree.why = fmt.Sprintf("limits cannot be held: cannot find the cgroups: %v; mount /proc", err)
	default:
		if s.owner, err = self(o.Proc); err != nil {
			return nil, err
		}
		s.build(h)
	}
	if o.Mode == "require" && s.tree.mode != Enforced {
		s.Leave()
		return nil, errors.New(s.tree.why)
	}
	return s, nil
}

// oneoffSites are the places to try, best first.
func oneoffSites(h host) []site {
	if insideOurs(h.own) {
		return []site{{dir: h.own, inner: true}}
	}
	return sites(h, defaultName)
}

// insideOurs tells the cgroup of a program or of another command.
func insideOurs(dir string) bool {
	return strings.Contains(dir, "/"+oneoffDir+"/") || strings.Contains(dir, "/"+defaultName+"/"+programsDir+"/")
}

// build takes the first place where memory limits hold, else the first that
// can be used at all.
func (s *Oneoffs) build(h host) {
	t := s.tree
	var failed error // of the first place
	var second *Tree
	for _, at := range oneoffSites(h) {
		try := &Tree{k: t.k, lock: -1, mount: h.mount, protection: t.protection, top: at.dir + "/" + oneoffDir}
		if err := try.folder(at); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		try.mode = Tracking
		if try.has("memory") {
			try.mode = Enforced
			s.use(h, try)
			_ = second.abandon()
			return
		}
		if second == nil {
			second = try
		} else {
			_ = try.abandon()
		}
	}
	if second != nil {
		s.use(h, second)
		return
	}
	t.why = whyNot(h, t, failed)
	if h.mount != "" && failed == nil {
		t.why = "limits cannot be held: this process is outside of the cgroups that are mounted; " + cureService
	}
}

// folder makes the top in dir, with what controllers can be had. Whoever leaves it
// empty removes it: then what dir offers is not there to be enabled, and it is made again.
//
// A place in which processes live gives nothing on. The kernel refuses memory and io there, but would
// give cpu and pids: to threads alone, and no process could be put below it any more (EOPNOTSUPP).
func (t *Tree) folder(at site) error {
	for range newTries {
		t.refused = nil
		if err := t.k.mkdir(t.top); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot create cgroup %q: %w", t.top, bare(err))
		}
		var offered []string
		if at.inner && len(words(at.dir+"/cgroup.procs")) > 0 {
			t.refused = fmt.Errorf("processes live in %q, and so it cannot give controllers on: %w", at.dir, unix.EBUSY)
		} else {
			offered = t.enable(at.dir, wanted)
		}
		if t.controllers = t.enable(t.top, offered); len(t.controllers) == len(offered) {
			return nil
		}
	}
	return nil
}

func (s *Oneoffs) use(h host, t *Tree) {
	t.why = whyNot(h, t, nil)
	s.tree, s.from = t, filepath.Dir(t.top)
	if t.mode == Tracking && insideOurs(s.from) {
		t.why = fmt.Sprintf("limits cannot be held: this is run inside the cgroup %q, whose own limits hold; ask for them there", s.from)
	}
}

// abandon removes a place that was tried, unless somebody uses it.
func (t *Tree) abandon() error {
	if t == nil || t.top == "" {
		return nil
	}
	return t.k.rmdir(t.top)
}

// Mode says what the kernel does for a command.
func (s *Oneoffs) Mode() Mode { return s.tree.mode }

// Why is one plain sentence: which limits cannot be had, for what reason, and
// what to do. "" when there is nothing to say.
func (s *Oneoffs) Why() string { return s.tree.why }

// Missing names the limits set in l that cannot be held, as [Tree.Missing] does.
func (s *Oneoffs) Missing(l Limits) []string { return s.tree.Missing(l) }

// newTries bounds what is done over again because of others that remove the folder when they leave it.
const newTries = 100

// New makes the cgroup of one command of this process: a fresh directory that carries l, and
// memory.oom.group, before anything runs in it. The label, the command's name, is for
// those who look at the tree. In mode None the error is errors.ErrUnsupported.
func (s *Oneoffs) New(label string, l Limits) (*Group, error) {
	t := s.tree
	if t.mode == None {
		return nil, fmt.Errorf("cannot create cgroup of %q: %w", label, errors.ErrUnsupported)
	}
	path := t.top + "/" + oneoffName(label, s.owner)
	if err := s.mkdir(path); err != nil {
		return nil, err
	}
	undo := func(g *Group, err error) (*Group, error) {
		if g != nil {
			g.Close()
		}
		_ = t.k.rmdir(path)
		s.Leave()
		return nil, err
	}
	// With a directory in it the folder stays; only now it is certain to be as it was built.
	if got := t.enable(t.top, t.controllers); len(got) < len(t.controllers) {
		return undo(nil, fmt.Errorf("cannot enable controllers in %q: have %q, want %q", t.top, got, t.controllers))
	}
	g, err := t.openGroup(path)
	if err != nil {
		return undo(nil, err)
	}
	g.instance, g.run, g.fresh = label, 1, true
	if err := g.Apply(l); err != nil {
		return undo(g, err)
	}
	g.fresh = false
	return g, nil
}

// mkdir makes path and the folder it is in, which whoever leaves it empty removes.
func (s *Oneoffs) mkdir(path string) (err error) {
	k := s.tree.k
	for range newTries {
		err = k.mkdir(path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err = k.mkdir(s.tree.top); err != nil && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return fmt.Errorf("cannot create cgroup %q: %v", path, bare(err))
}

// Leave removes the folder if nobody is in it.
func (s *Oneoffs) Leave() { _ = s.tree.abandon() }

// Oneoff is a command's directory.
type Oneoff struct {
	Label     string // the command's name, cut
	Owner     Owner  // who runs it
	Path      string
	MemoryMax int64 // bytes; Unlimited where there is none
}

// List are the commands that are there, those of dead owners and other pid namespaces among them.
func (s *Oneoffs) List() ([]Oneoff, error) {
	if s.tree.mode == None {
		return nil, nil
	}
	entries, err := os.ReadDir(s.tree.top)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list cgroups in %q: %v", s.tree.top, bare(err))
	}
	var all []Oneoff
	for _, e := range entries {
		label, owner, ok := parseOneoffName(e.Name())
		if !ok || !e.IsDir() {
			continue
		}
		path := s.tree.top + "/" + e.Name()
		one := Oneoff{Label: label, Owner: owner, Path: path, MemoryMax: Unlimited}
		if n, ok := readNumber(path + "/memory.max"); ok {
			one.MemoryMax = n
		}
		all = append(all, one)
	}
	return all, nil
}

// Dead tells whether the process that ran the command is gone. Of one in another pid namespace that
// cannot be known: false.
func (s *Oneoffs) Dead(o Oneoff) bool {
	if o.Owner.Namespace != s.owner.Namespace {
		return false
	}
	p, ok := readProc(s.proc, o.Owner.PID)
	return !ok || p.zombie || p.start != o.Owner.Start
}

// Sweep kills what dead owners have left, and removes it.
func (s *Oneoffs) Sweep() error {
	all, err := s.List()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o Oneoff) bool { return !s.Dead(o) })
	problems := []error{}
	for _, o := range all {
		g, err := s.tree.openGroup(o.Path)
		if errors.Is(err, ErrGone) {
			continue // another sweeps as well
		}
		if err == nil {
			err = g.Clear()
			g.Close()
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

const clearPatience = 5 * time.Second

// Clear kills what is in the cgroup, waits until it is gone, 5 s at most, and
// removes the cgroup. Close comes after.
func (g *Group) Clear() error {
	populated, err := g.Populated()
	if err == nil && populated {
		err = g.Kill()
	}
	if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	pause := time.Millisecond
	for began := time.Now(); ; time.Sleep(pause) {
		err = g.Remove()
		if !errors.Is(err, ErrBusy) || time.Since(began) > clearPatience {
			return err
		}
		pause = min(2*pause, 50*time.Millisecond) // dying takes its time
	}
}

// Room is what the memory limits above a command leave it, in bytes: the least
// of memory.max less what is in use below it and cannot be given back by the kernel
// alone. Unlimited where no cgroup above has a limit.
func (s *Oneoffs) Room() int64 {
	room := int64(Unlimited)
	mount := s.tree.mount
	if mount == "" {
		return room
	}
	for dir := s.from; strings.HasPrefix(dir, mount); dir = filepath.Dir(dir) {
		limit, ok := readNumber(dir + "/memory.max")
		current, have := readNumber(dir + "/memory.current")
		if ok && have && limit != Unlimited {
			b, _ := readAt(unix.AT_FDCWD, dir+"/memory.stat")
			used := parseStat(b).reading(current, 0).MeasureFromCurrent
			room = min(room, max(0, limit-used))
		}
		if dir == mount {
			break
		}
	}
	return room
}

func readNumber(path string) (int64, bool) {
	b, err := readAt(unix.AT_FDCWD, path)
	if err != nil {
		return 0, false
	}
	return parseAmount(b)
}
