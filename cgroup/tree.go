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
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Mode says what the kernel does for us.
type Mode int

const (
	// None: no cgroup v2 to build in. Use [Session].
	None Mode = iota
	// Tracking: a cgroup v2 without the memory controller. Birth in a cgroup,
	// PopulatedFD and Kill work; memory limits do not.
	Tracking
	// Enforced: the kernel holds memory limits.
	Enforced
)

func (m Mode) String() string {
	return [...]string{"none", "tracking", "enforced"}[m]
}

const (
	defaultName   = "bulkhead"
	supervisorDir = "supervisor"
	programsDir   = "programs"
	keeperDir     = "keeper"
	// supervisorMin is what the supervisor's own cgroup keeps in any shortage.
	supervisorMin = 32 << 20
)

// ErrInUse: another supervisor runs in the tree that Open would have used.
var ErrInUse = errors.New("another supervisor uses this cgroup tree")

// Options say where to build.
type Options struct {
	Mode  string // "auto" (or ""), "require" or "off": what to do where limits cannot be had
	Name  string // of our directory below the root; "" is "bulkhead"
	Mount string // build here and nowhere else, instead of finding a place; for tests
	Proc  string // "" is /proc
	Lock  int    // descriptor of the tree's lock, handed on by Tree.LockFD through an exec; 0 none
	Home  Home   // as Tree.Home told it before an exec; "" unknown
}

// Home is where a supervisor came from, for Retire.
type Home struct {
	Path string   // the cgroup; "" unknown
	Lent []string // controllers that were enabled in it for the tree
}

// Tree is the supervisor's part of the cgroup tree.
type Tree struct {
	mode        Mode
	why         string
	top         string // <root>/bulkhead
	mount       string // where the hierarchy is mounted
	beside      bool   // the supervisor stays in its service's cgroup, beside top
	controllers []string
	refused     error    // the first controller that was there and could not be enabled
	home        string   // the cgroup we came from, where Retire returns to; "" unknown
	lent        []string // controllers that we enabled in home for its children; Retire takes them back
	lock        int      // descriptor that holds the flock on top; -1 none
	handed      int      // such a descriptor of before an exec, until it is found to be the right one
	cpu         KeptFile // cpu.stat of all programs
	k           kernel

	protectMu  sync.Mutex
	protection map[string]protection // by directory
}

// kernel are the calls that change the tree's shape. Tests replace them: a
// temporary folder does not fill itself with interface files.
type kernel struct {
	mkdir func(path string) error
	rmdir func(path string) error
	write func(path, value string) error // returns the bare errno
}

func realKernel() kernel {
	return kernel{
		mkdir: func(path string) error { return os.Mkdir(path, 0o755) },
		rmdir: unix.Rmdir,
		write: func(path, value string) error { return writeAt(unix.AT_FDCWD, path, value) },
	}
}

// wanted are the controllers that limits need.
var wanted = []string{"memory", "pids", "cpu", "io"}

// Open finds where a tree may be built, builds it, and moves this process (and
// whoever shares a cgroup that must become an inner node) into the leaf
// <root>/bulkhead/supervisor; but a systemd service in a slice of its own, bulkhead.slice,
// stays in its unit's cgroup, beside the tree. A tree that an earlier supervisor
// left is used again.
//
// With Mode "auto" the tree may come back unable to hold limits: see Mode and
// Why. With "require" that is an error, which reads like Why. With "off"
// nothing is touched. ErrInUse is an error in every mode but "off".
func Open(o Options) (*Tree, error) { return open(o, realKernel()) }

func open(o Options, k kernel) (*Tree, error) {
	if o.Name == "" {
		o.Name = defaultName
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	t := &Tree{k: k, lock: -1, handed: o.Lock, home: o.Home.Path, lent: o.Home.Lent, protection: map[string]protection{}}
	switch o.Mode {
	case "off":
		t.why = whyOff
		return t, nil
	case "", "auto", "require":
	default:
		return nil, fmt.Errorf("cannot open cgroup tree: mode %q is not auto, require or off", o.Mode)
	}
	h, err := look(o)
	if err != nil {
		t.why = fmt.Sprintf("limits cannot be held: cannot find the cgroups: %v; mount /proc", err)
	} else if err := t.buildAny(h, o.Name); err != nil {
		return nil, err
	}
	if o.Mode == "require" && t.mode != Enforced {
		t.Close()
		return nil, errors.New(t.why)
	}
	return t, nil
}

// buildAny builds at the first place that lets us.
func (t *Tree) buildAny(h host, name string) error {
	t.mount = h.mount
	var first error
	for _, s := range sites(h, name) {
		err := t.build(s, name)
		if errors.Is(err, ErrInUse) {
			return err
		}
		if err == nil {
			if !t.beside && h.own != t.top+"/"+supervisorDir {
				t.home = h.own
			}
			t.why = whyNot(h, t, nil)
			return nil
		}
		if top := s.dir + "/" + name; inhabited(top) {
			return fmt.Errorf("cannot go on in cgroup tree %q, in which processes live: %w", top, err)
		}
		if first == nil {
			first = err
		}
	}
	t.why = whyNot(h, t, first)
	return nil
}

// inhabited says that a process lives in the cgroup: an earlier supervisor's
// programs, or we ourselves. Such a tree is not given up for another place.
func inhabited(dir string) bool {
	b, _ := os.ReadFile(dir + "/cgroup.events") // there is none, most likely
	return strings.Contains(string(b), "populated 1")
}

// build makes the tree in s. On failure what was made is removed again.
func (t *Tree) build(s site, name string) (err error) {
	top := s.dir + "/" + name
	var made []string
	defer func() {
		if err != nil {
			t.unlock()
			for _, dir := range slices.Backward(made) {
				t.k.rmdir(dir)
			}
		}
	}()
	leaf := top + "/" + supervisorDir
	want := []string{top, leaf, top + "/" + programsDir}
	if s.beside {
		want = []string{top, top + "/" + programsDir}
	}
	for _, dir := range want {
		switch err := t.k.mkdir(dir); {
		case err == nil:
			made = append(made, dir)
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("cannot create cgroup %q: %w", dir, bare(err))
		}
		if dir == top {
			if err := t.takeLock(top); err != nil {
				return err
			}
		}
	}
	if !s.beside {
		if err := t.writePath(leaf+"/cgroup.procs", "0"); err != nil { // 0: the writer itself, in every pid namespace
			return err
		}
		for _, dir := range []string{s.dir, top, top + "/" + programsDir} {
			if dir != s.dir || s.inner {
				t.moveAll(dir, leaf)
			}
		}
	}
	t.top, t.beside = top, s.beside
	t.cpu.Name = top + "/" + programsDir + "/cpu.stat"
	t.controllers = wanted
	before := words(s.dir + "/cgroup.subtree_control")
	for _, dir := range []string{s.dir, top, top + "/" + programsDir} {
		t.controllers = t.enable(dir, t.controllers)
	}
	if s.inner && len(t.lent) == 0 {
		t.lent = slices.DeleteFunc(words(s.dir+"/cgroup.subtree_control"), func(c string) bool { return slices.Contains(before, c) })
	}
	t.mode = Tracking
	if t.has("memory") {
		t.mode = Enforced
		if !s.beside { // the unit's cgroup has its MemoryMin=
			t.protectSelf()
		}
	}
	return nil
}

// enable turns on for dir's children those of the controllers that can be had,
// one by one, since one write of several is all or nothing; and returns them.
func (t *Tree) enable(dir string, want []string) []string {
	var got []string
	can, file := words(dir+"/cgroup.controllers"), dir+"/cgroup.subtree_control"
	on := words(file)
	for _, c := range want {
		if !slices.Contains(can, c) {
			continue
		}
		if !slices.Contains(on, c) {
			if err := t.writePath(file, "+"+c); err != nil {
				t.refused = cmp.Or(t.refused, err)
				continue
			}
		}
		got = append(got, c)
	}
	return got
}

// moveRounds bounds moveAll: a parent that forks meanwhile shows up again.
const moveRounds = 16

// moveAll moves every process of the cgroup from into the cgroup to. What
// cannot be moved (kernel threads, processes of a foreign pid namespace) stays, and
// enable then shows what it prevents.
func (t *Tree) moveAll(from, to string) {
	for range moveRounds {
		moved := false
		for _, pid := range words(from + "/cgroup.procs") {
			if t.writePath(to+"/cgroup.procs", pid) == nil {
				moved = true
			}
		}
		if !moved {
			return
		}
	}
}

// takeLock makes sure that no two supervisors build in the same place; it
// ends with this process.
func (t *Tree) takeLock(top string) error {
	if t.handed > 0 && sameFile(t.handed, top) {
		t.lock, t.handed = t.handed, 0
		return nil
	}
	fd, err := openAt(unix.AT_FDCWD, top, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("cannot open cgroup %q: %w", top, err)
	}
	switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
	case unix.EWOULDBLOCK:
		unix.Close(fd)
		return fmt.Errorf("cannot use cgroup %q: %w", top, ErrInUse)
	default:
		unix.Close(fd)
		return fmt.Errorf("cannot lock cgroup %q: %w", top, err)
	}
	t.lock = fd
	return nil
}

func sameFile(fd int, path string) bool {
	var held, named unix.Stat_t
	return unix.Fstat(fd, &held) == nil && unix.Stat(path, &named) == nil && held.Ino == named.Ino && held.Dev == named.Dev
}

// LockFD is the descriptor that keeps other supervisors out, to be handed
// through an exec to Options.Lock; -1 when there is none.
func (t *Tree) LockFD() int { return t.lock }

// Home is to be handed through an exec to Options.Home.
func (t *Tree) Home() Home { return Home{t.home, t.lent} }

func (t *Tree) unlock() {
	if t.lock >= 0 {
		unix.Close(t.lock)
		t.lock = -1
	}
}

// Mode says what the kernel does for us in this tree.
func (t *Tree) Mode() Mode { return t.mode }

// Controllers are those that every program and run has: of memory, pids, cpu, io.
func (t *Tree) Controllers() []string { return slices.Clone(t.controllers) }

// Why is one plain sentence: which limits cannot be had, for what reason, and
// what to do. "" when there is nothing to say.
func (t *Tree) Why() string { return t.why }

// Path is <root>/bulkhead; "" in mode None.
func (t *Tree) Path() string { return t.top }

// Close gives the tree free for another supervisor. The directories stay.
func (t *Tree) Close() {
	t.unlock()
	t.cpu.Close()
}

// Retire removes the tree, as far as it is empty: this process, and who was moved
// along with it, returns to the cgroup it came from, and the directories go.
// Where that cgroup cannot hold processes any more (it has other children with
// controllers), the empty tree stays; so it does around runs that still live. Close comes after.
//
// The error says what could not be removed and was expected to be.
func (t *Tree) Retire() error {
	if t.mode == None || t.home == "" && !t.beside {
		return nil
	}
	if err := t.rmdirSoon(t.top + "/" + programsDir); err != nil {
		return err
	}
	if err := t.endKept(); err != nil {
		return err
	}
	if t.beside { // the slice's controllers are systemd's
		return t.rmdirSoon(t.top)
	}
	leaf := t.top + "/" + supervisorDir
	if filepath.Dir(t.top) == t.home && len(t.lent) > 0 {
		for _, c := range t.lent { // a cgroup that gives controllers on cannot hold processes
			_ = t.k.write(t.top+"/cgroup.subtree_control", "-"+c)
			_ = t.k.write(t.home+"/cgroup.subtree_control", "-"+c)
		}
		t.moveAll(leaf, t.home)
	}
	if err := t.writePath(t.home+"/cgroup.procs", "0"); err != nil {
		return err
	}
	if err := t.rmdirSoon(leaf); err != nil {
		return err
	}
	return t.rmdirSoon(t.top)
}

// rmdirSoon removes an empty directory; its last process (the keeper) may just be exiting.
func (t *Tree) rmdirSoon(dir string) error {
	var err error
	for wait := time.Millisecond; wait < 500*time.Millisecond; wait *= 2 {
		if err = t.k.rmdir(dir); err == nil || vanished(err) {
			return nil
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("cannot remove cgroup %q: %w", dir, bare(err))
}

// Program opens or creates the cgroup of a program, ready for runs inside it.
// No process may ever be put into it. In mode None the error is
// errors.ErrUnsupported.
func (t *Tree) Program(name string) (*Group, error) {
	if t.mode == None {
		return nil, fmt.Errorf("cannot create cgroup of %q: %w", name, errors.ErrUnsupported)
	}
	path := t.top + "/" + programsDir + "/" + escape(name)
	if err := t.k.mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot create cgroup %q: %v", path, bare(err))
	}
	g, err := t.openGroup(path)
	if err != nil {
		return nil, err
	}
	if got := t.enable(path, t.controllers); len(got) < len(t.controllers) {
		g.Close()
		return nil, fmt.Errorf("cannot enable controllers in %q: have %q, want %q", path, got, t.controllers)
	}
	return g, nil
}

func (t *Tree) has(controller string) bool { return slices.Contains(t.controllers, controller) }
