package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/spawn"
)

// realTree is a tree of the test's own: opening one moves the whole test
// program, so all tests share it.
var realTree = sync.OnceValues(func() (*cgroup.Tree, error) {
	return cgroup.Open(cgroup.Options{Name: fmt.Sprintf("bulkhead-test-%d", os.Getpid())})
})

var treeOpened bool

func retireTree() {
	if !treeOpened {
		return
	}
	if tree, err := realTree(); err == nil {
		tree.Retire()
		tree.Close()
	}
}

// reality is a host with real children; what it posts is kept in order.
type reality struct {
	*host
	t      *testing.T
	events chan any
	kept   []any     // taken from events, and not asked for yet
	seen   func(any) // called in post, when set
	output *syncBuffer
	runs   uint64
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// inReality runs a test where there are cgroups (if there are any here), and
// with their stand-in.
func inReality(t *testing.T, test func(t *testing.T, w *reality)) {
	t.Helper()
	treeOpened = true
	tree, err := realTree()
	if err != nil {
		t.Fatal(err)
	}
	off, err := cgroup.Open(cgroup.Options{Mode: "off"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tree := range []*cgroup.Tree{tree, off} {
		t.Run(tree.Mode().String(), func(t *testing.T) { test(t, newReality(t, tree)) })
	}
}

func newReality(t *testing.T, tree *cgroup.Tree) *reality {
	t.Helper()
	if err := spawn.Prepare(); err != nil { // opens /dev/null, for good
		t.Fatal(err)
	}
	w := &reality{t: t, events: make(chan any, 10000), output: &syncBuffer{}}
	w.host = newHost(&conf.Config{}, tree, startPoller(t), newGoTimer(), logs.NewSet(w.output), testStreams(t))
	w.host.killer = startKiller(t)
	w.host.post = func(e any) {
		if w.seen != nil {
			w.seen(e)
		}
		w.events <- e
	}
	t.Cleanup(func() {
		for _, p := range w.all() { // only after a failure is there anything
			p.comp.Kill()
			removeBusy(p.comp)
		}
		w.settle()
	})
	return w
}

// testStreams is a runtime directory of the test's own.
func testStreams(t *testing.T) *logs.Streams {
	t.Helper()
	s, err := logs.OpenStreams(filepath.Join(t.TempDir(), "b.d"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// shell is a program of one instance that runs a script.
func shell(t *testing.T, script string, change func(*conf.Program)) conf.Program {
	name := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	return worker(name, 1, func(p *conf.Program) {
		p.Umask, p.JobFormat = -1, ""
		p.Instances[0].Argv = []string{"/bin/sh", "-c", script}
		if change != nil {
			change(p)
		}
	}).Programs[0]
}

// start asks for a run and does not wait.
func (w *reality) start(p conf.Program) ref {
	w.runs++
	r := ref{newInstance(&program{conf: &p}, &p.Instances[0]), w.runs}
	w.spawn(r, &p, &p.Instances[0])
	return r
}

// up starts a run and waits for its process.
func (w *reality) up(p conf.Program) (ref, *process) {
	w.t.Helper()
	r := w.start(p)
	s := await[spawned](w)
	if s.ref != r || s.pid == 0 {
		w.t.Fatalf("spawned %+v", s)
	}
	return r, w.get(r)
}

// await returns the next event of a type; others are kept. A quick run's output
// may be told before its birth.
func await[T any](w *reality) T {
	w.t.Helper()
	for i, e := range w.kept {
		if e, ok := e.(T); ok {
			w.kept = slices.Delete(w.kept, i, i+1)
			return e
		}
	}
	late := time.After(patience)
	for {
		select {
		case e := <-w.events:
			if e, ok := e.(T); ok {
				return e
			}
			if e, ok := e.(spawnFailed); ok {
				w.t.Fatalf("spawn failed: %v", e.err)
			}
			w.kept = append(w.kept, e)
		case <-late:
			var want T
			w.t.Fatalf("no %T came", want)
		}
	}
}

// over releases a run and waits until nothing of it is left.
func (w *reality) over(r ref) {
	w.t.Helper()
	p := w.get(r)
	w.release(r)
	flush(&p.lane)
	if w.get(r) != nil {
		w.t.Error("a released run is still known")
	}
	if path := p.comp.Path(); path != "" {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			w.t.Errorf("its cgroup is still there: %v", err)
		}
	}
	w.quiet()
}

// quiet fails when there is trouble among what was posted and not awaited.
func (w *reality) quiet() {
	w.t.Helper()
	for len(w.events) > 0 {
		w.kept = append(w.kept, <-w.events)
	}
	for _, e := range w.kept {
		if e, ok := e.(trouble); ok {
			w.t.Errorf("trouble: %s: %v", e.what, e.err)
		}
	}
	w.kept = nil
}

// left lists what a program's runs have left: cgroups and descriptors.
func (w *reality) left(program string) []string {
	w.t.Helper()
	var out []string
	if g, err := w.group(program); err != nil {
		w.t.Fatal(err)
	} else if g != nil {
		entries, err := os.ReadDir(g.Path())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				out = append(out, "cgroup "+e.Name())
			}
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, fd := range fds {
		// The listing's own descriptor is gone by now.
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil {
			out = append(out, fd.Name()+" "+to)
		}
	}
	slices.Sort(out)
	return out
}

// gone waits for a process that is not ours to have ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == syscall.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
	if err != nil || n == 0 {
		t.Errorf("process %d still lives: %v", pid, err)
	}
}
