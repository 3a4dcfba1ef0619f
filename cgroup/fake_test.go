package cgroup

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fake is a folder that behaves like a cgroup v2 mount, as far as directories,
// controllers and the place of processes go.
type fake struct {
	t     testing.TB
	top   string
	proc  string           // a /proc that knows of no other cgroups
	log   []string         // every write, relative to top
	fails map[string]error // by "path=value" or "path"
}

var fakeFiles = map[string]map[string]string{
	"memory": {
		"memory.current": "0\n", "memory.stat": "anon 0\n", "memory.swap.current": "0\n", "memory.peak": "0\n",
		"memory.min": "0\n", "memory.low": "0\n", "memory.high": "max\n", "memory.max": "max\n", "memory.swap.max": "max\n",
		"memory.oom.group": "0\n", "memory.reclaim": "", "memory.pressure": "",
		"memory.events.local": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
	},
	"pids": {"pids.max": "max\n", "pids.current": "0\n", "pids.events": "max 0\n"},
	"cpu":  {"cpu.max": "max 100000\n", "cpu.weight": "100\n"},
	"io":   {"io.weight": "default 100\n"},
}

// newFake makes a mount whose top has the controllers.
func newFake(t testing.TB, controllers ...string) *fake {
	f := &fake{t: t, top: t.TempDir(), proc: t.TempDir(), fails: map[string]error{}}
	f.fill(f.top, controllers)
	if err := os.Mkdir(f.proc+"/self", 0o755); err != nil {
		t.Fatal(err)
	}
	f.put(f.proc+"/self", "mountinfo", "")
	f.put(f.proc+"/self", "cgroup", "0::/\n")
	return f
}

func (f *fake) fill(dir string, controllers []string) {
	f.put(dir, "cgroup.procs", "")
	f.put(dir, "cgroup.controllers", strings.Join(controllers, " ")+"\n")
	f.put(dir, "cgroup.subtree_control", "")
	f.put(dir, "cgroup.events", "populated 0\nfrozen 0\n")
	f.put(dir, "cgroup.type", "domain\n")
	f.put(dir, "cgroup.kill", "")
	if dir == f.top {
		return
	}
	for _, c := range controllers {
		for name, text := range fakeFiles[c] {
			f.put(dir, name, text)
		}
	}
}

// appear makes the files of a newly enabled controller in dir's children.
func (f *fake) appear(dir, controller string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if child := filepath.Join(dir, e.Name()); e.IsDir() {
			f.put(child, "cgroup.controllers", f.get(child+"/cgroup.controllers")+" "+controller)
			for name, text := range fakeFiles[controller] {
				f.put(child, name, text)
			}
		}
	}
}

func (f *fake) put(dir, name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) get(path string) string {
	f.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (f *fake) kernel() kernel {
	return kernel{
		mkdir: func(path string) error {
			if err := f.fails[f.rel(path)]; err != nil {
				return &fs.PathError{Op: "mkdir", Path: path, Err: err}
			}
			if err := os.Mkdir(path, 0o755); err != nil {
				return err
			}
			f.fill(path, words(filepath.Dir(path)+"/cgroup.subtree_control"))
			return nil
		},
		rmdir: func(path string) error {
			entries, err := os.ReadDir(path)
			if err != nil {
				return bare(err)
			}
			for _, e := range entries {
				if e.IsDir() {
					return unix.EBUSY
				}
			}
			if f.get(path+"/cgroup.procs") != "" || strings.Contains(f.get(path+"/cgroup.events"), "populated 1") {
				return unix.EBUSY
			}
			return os.RemoveAll(path)
		},
		write: f.write,
	}
}

func (f *fake) rel(path string) string { return strings.TrimPrefix(path, f.top+"/") }

func (f *fake) write(path, value string) error {
	f.log = append(f.log, f.rel(path)+"="+value)
	if err := cmp.Or(f.fails[f.rel(path)+"="+value], f.fails[f.rel(path)]); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	switch filepath.Base(path) {
	case "cgroup.subtree_control":
		if f.top != dir && f.get(dir+"/cgroup.procs") != "" {
			return unix.EBUSY
		}
		if !slices.Contains(words(dir+"/cgroup.controllers"), value[1:]) {
			return unix.ENOENT
		}
		if value[0] == '-' {
			return f.disable(dir, value[1:])
		}
		f.put(dir, "cgroup.subtree_control", f.get(path)+" "+value[1:])
		f.appear(dir, value[1:])
	case "cgroup.procs":
		if len(words(dir+"/cgroup.subtree_control")) > 0 {
			return unix.EBUSY
		}
		filepath.WalkDir(f.top, func(p string, d fs.DirEntry, _ error) error {
			if d.Name() == "cgroup.procs" {
				rest := slices.DeleteFunc(words(p), func(pid string) bool { return pid == value })
				f.put(filepath.Dir(p), "cgroup.procs", strings.Join(rest, "\n"))
			}
			return nil
		})
		f.put(dir, "cgroup.procs", f.get(path)+"\n"+value)
	default:
		if !exists(unix.AT_FDCWD, path) {
			return unix.ENOENT
		}
		f.put(dir, filepath.Base(path), value)
	}
	return nil
}

// disable takes a controller back from dir's children, none of which may give it on.
func (f *fake) disable(dir, controller string) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && slices.Contains(words(filepath.Join(dir, e.Name(), "cgroup.subtree_control")), controller) {
			return unix.EBUSY
		}
	}
	without := func(dir, file string) {
		rest := slices.DeleteFunc(words(dir+"/"+file), func(c string) bool { return c == controller })
		f.put(dir, file, strings.Join(rest, " "))
	}
	without(dir, "cgroup.subtree_control")
	for _, e := range entries {
		if e.IsDir() {
			without(filepath.Join(dir, e.Name()), "cgroup.controllers")
		}
	}
	return nil
}

func (f *fake) options(mode string) Options {
	return Options{Mode: mode, Mount: f.top, Proc: f.proc}
}

// tree opens the fake and fails the test if that does not work.
func (f *fake) tree(mode string) *Tree {
	f.t.Helper()
	t, err := open(f.options(mode), f.kernel())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(t.Close)
	return t
}
