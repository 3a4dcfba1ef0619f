package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func fakeProgram(t *testing.T, f *fake, name string) *Group {
	t.Helper()
	p, err := f.tree("auto").Program(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestNewRunIsFresh(t *testing.T) {
	f := newFake(t, "memory", "pids")
	p := fakeProgram(t, f, "queue")
	a, err := p.NewRun("queue_00", 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := p.Path() + "/queue_00.1"; a.Path() != want || a.FD() < 0 || a.ID() == 0 {
		t.Errorf("run at %q, descriptor %d, id %d", a.Path(), a.FD(), a.ID())
	}
	f.put(a.Path(), "cgroup.events", "populated 1\nfrozen 0\n")
	if _, err := p.NewRun("queue_00", 1, Limits{}); !errors.Is(err, ErrBusy) {
		t.Errorf("over a living run: %v, want ErrBusy", err)
	}
	f.put(a.Path(), "cgroup.events", "populated 0\nfrozen 0\n")
	b, err := p.NewRun("queue_00", 1, Limits{})
	if err != nil || b.ID() == a.ID() {
		t.Fatalf("over an empty run: %v", err)
	}
	if err := a.SetHigh(1); !errors.Is(err, ErrGone) {
		t.Errorf("writing to the replaced run: %v, want ErrGone", err)
	}
	if err := a.Remove(); err != nil {
		t.Errorf("removing the replaced run: %v", err)
	}
	if _, err := os.Stat(b.Path()); err != nil {
		t.Errorf("its successor went with it: %v", err)
	}
	if c, err := p.OpenRun("queue_00", 1); err != nil || c.ID() != b.ID() {
		t.Errorf("OpenRun: %v", err)
	}
	if _, err := p.OpenRun("queue_00", 2); !errors.Is(err, ErrGone) {
		t.Errorf("OpenRun of nothing: %v, want ErrGone", err)
	}
	f.fails["bulkhead/programs/queue/queue_00.3"] = unix.ENOSPC
	if _, err := p.NewRun("queue_00", 3, Limits{}); err == nil || strings.Count(err.Error(), "queue_00.3") != 1 {
		t.Errorf("mkdir fails: %v, want the path once", err)
	}
	fd, err := p.PopulatedFD()
	if err != nil {
		t.Fatal(err)
	}
	p.Remove()
	if again, err := p.PopulatedFD(); err != nil || again != fd {
		t.Errorf("the watched descriptor after removal: %d, %v, want %d to take out of an epoll set", again, err, fd)
	}
	if _, err := p.NewRun("queue_00", 4, Limits{}); !errors.Is(err, ErrGone) {
		t.Errorf("in a removed program: %v, want ErrGone", err)
	}
}

func TestNewRunLeavesNothingWhenALimitFails(t *testing.T) {
	f := newFake(t, "memory")
	p := fakeProgram(t, f, "queue")
	f.fails["bulkhead/programs/queue/memory.min"] = unix.EACCES
	if _, err := p.NewRun("queue", 1, Limits{MemoryMin: 1}); err == nil || !strings.Contains(err.Error(), "memory.min") {
		t.Errorf("NewRun: %v", err)
	}
	if _, err := os.Stat(p.Path() + "/queue.1"); !os.IsNotExist(err) {
		t.Errorf("the directory stayed: %v", err)
	}
}

func TestClosedGroup(t *testing.T) {
	f := newFake(t, "memory", "pids")
	p := fakeProgram(t, f, "queue")
	if _, err := p.Read(); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Close()
	_, err1 := p.Read()
	_, err2 := p.Counts()
	_, err3 := p.Procs()
	_, err4 := p.Populated()
	_, err5 := p.EventsFD()
	for i, err := range []error{err1, err2, err3, err4, err5, p.SetHigh(1), p.Kill(), p.Remove()} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("call %d on a closed group: %v", i, err)
		}
	}
	if p.FD() != -1 {
		t.Errorf("descriptor %d", p.FD())
	}
}

func TestCountsAndEvents(t *testing.T) {
	f := newFake(t, "memory", "pids")
	p := fakeProgram(t, f, "queue")
	fd, err := p.EventsFD()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.EventsFD(); err != nil || again != fd {
		t.Errorf("a second descriptor: %d, %v", again, err)
	}
	f.put(p.Path(), "memory.events.local", "low 0\nhigh 5\nmax 4\noom 3\noom_kill 2\noom_group_kill 1\n")
	f.put(p.Path(), "pids.events", "max 6\n")
	if c, err := p.Counts(); err != nil || c != (Counts{5, 4, 3, 2, 1, 6}) {
		t.Errorf("Counts = %+v, %v", c, err)
	}
	// Before Linux 5.2 there is only the other file.
	q := sibling(t, p, "old")
	if err := os.Rename(q.Path()+"/memory.events.local", q.Path()+"/memory.events"); err != nil {
		t.Fatal(err)
	}
	f.put(q.Path(), "memory.events", "high 9\n")
	if c, err := q.Counts(); err != nil || c != (Counts{High: 9}) {
		t.Errorf("Counts from memory.events = %+v, %v", c, err)
	}
	plain := fakeProgram(t, newFake(t), "queue")
	if _, err := plain.EventsFD(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EventsFD without a controller: %v", err)
	}
	if _, err := plain.PressureTrigger(true, time.Second, time.Second); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PressureTrigger without the file: %v", err)
	}
}

func sibling(t *testing.T, beside *Group, name string) *Group {
	t.Helper()
	p, err := beside.tree.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestRecentOfOneCgroup(t *testing.T) {
	f := newFake(t, "pids")
	r, err := fakeProgram(t, f, "queue").NewRun("queue", 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f.put(r.Path(), "cgroup.procs", "30\n10\n10\n0\n")
	if pids, err := r.Recent(); err != nil || !slices.Equal(pids, []int{10, 30}) {
		t.Errorf("Recent = %v, %v", pids, err)
	}
	if err := os.RemoveAll(r.Path()); err != nil {
		t.Fatal(err)
	}
	if pids, err := r.Recent(); !errors.Is(err, ErrGone) {
		t.Errorf("Recent of what is gone = %v, %v", pids, err)
	}
}

// Swap is not read of who has nothing there.
func TestCharged(t *testing.T) {
	f := newFake(t, "memory")
	p := fakeProgram(t, f, "queue")
	f.put(p.Path(), "memory.current", "8192\n")
	f.put(p.Path(), "memory.swap.current", "4096\n")
	for swapped, want := range map[bool]int64{false: 0, true: 4096} {
		if current, swap, err := p.Charged(swapped); current != 8192 || swap != want || err != nil {
			t.Errorf("Charged(%v) = %d, %d, %v", swapped, current, swap, err)
		}
	}
}

// What all programs have in swap; a tree without the controller, or a kernel that does not
// count swap, has no such file.
func TestSwapped(t *testing.T) {
	f := newFake(t, "memory")
	p := fakeProgram(t, f, "queue")
	dir := filepath.Dir(p.Path())
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{{"0\n", 0, true}, {"8192\n", 8192, true}, {"max\n", Unlimited, true}, {"many\n", 0, false}, {"", 0, false}} {
		f.put(dir, "memory.swap.current", c.text)
		if got, err := p.tree.Swapped(); got != c.want || err == nil != c.ok {
			t.Errorf("%q: %d, %v", c.text, got, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "memory.swap.current")); err != nil {
		t.Fatal(err)
	}
	if got, err := p.tree.Swapped(); got != 0 || err != nil {
		t.Errorf("without the file: %d, %v", got, err)
	}
}

func TestProcsAndRemoveOfASubtree(t *testing.T) {
	f := newFake(t, "pids")
	p := fakeProgram(t, f, "queue")
	r, err := p.NewRun("queue", 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	deep := r.Path() + "/a/b"
	for _, dir := range []string{r.Path() + "/a", deep, r.Path() + "/c"} {
		if err := f.kernel().mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	f.put(r.Path(), "cgroup.procs", "30\n")
	f.put(deep, "cgroup.procs", "10\n20\n0\n")
	f.put(r.Path()+"/c", "cgroup.procs", "20\n")
	if pids, err := p.Procs(); err != nil || !slices.Equal(pids, []int{10, 20, 30}) {
		t.Errorf("Procs = %v, %v", pids, err)
	}
	if pids, err := r.Recent(); err != nil || !slices.Equal(pids, []int{10, 20, 30}) {
		t.Errorf("Recent of a subtree = %v, %v", pids, err)
	}
	if err := r.Remove(); !errors.Is(err, ErrBusy) {
		t.Errorf("Remove while the last is exiting: %v, want ErrBusy", err)
	}
	for _, dir := range []string{r.Path(), deep, r.Path() + "/c"} {
		if _, err := os.Stat(dir); err == nil {
			f.put(dir, "cgroup.procs", "")
		}
	}
	if err := r.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Path()); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if _, err := r.Procs(); !errors.Is(err, ErrGone) {
		t.Errorf("Procs of a removed cgroup: %v, want ErrGone", err)
	}
	if populated, err := r.Populated(); err != nil || populated {
		t.Errorf("Populated of a removed cgroup: %v, %v", populated, err)
	}
}

func TestRemoveGivesCacheBack(t *testing.T) {
	f := newFake(t, "memory")
	p := fakeProgram(t, f, "queue")
	f.put(p.Path(), "memory.current", "12288\n")
	reclaim := p.Path() + "/memory.reclaim"
	seen := ""
	rmdir := p.tree.k.rmdir
	p.tree.k.rmdir = func(path string) error {
		seen = f.get(reclaim)
		return rmdir(path)
	}
	if err := p.Remove(); err != nil || seen != "12288 swappiness=0" {
		t.Errorf("Remove: %v, asked to reclaim %q", err, seen)
	}
}

func TestKillSpellings(t *testing.T) {
	f := newFake(t, "pids")
	p := fakeProgram(t, f, "queue")
	r, err := p.NewRun("queue", 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil || f.get(r.Path()+"/cgroup.kill") != "1" {
		t.Errorf("Kill: %v", err)
	}
	// A run that no descriptor was free for at its birth.
	f.put(r.Path(), "cgroup.kill", "")
	r.kill.close()
	if r.Strike() {
		t.Error("Strike without a descriptor")
	}
	if err := r.Kill(); err != nil || f.get(r.Path()+"/cgroup.kill") != "1" {
		t.Errorf("Kill: %v", err)
	}
	// Before Linux 5.14, with nothing left to kill.
	if err := os.Remove(r.Path() + "/cgroup.kill"); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil || f.get(r.Path()+"/pids.max") != "0" {
		t.Errorf("Kill without cgroup.kill: %v, pids.max %q", err, f.get(r.Path()+"/pids.max"))
	}
}

func TestListAndSweep(t *testing.T) {
	f := newFake(t, "pids")
	tree := f.tree("auto")
	for _, name := range []string{"queue", "empty", "a/b", "half"} {
		p, err := tree.Program(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "empty" {
			continue
		}
		for run := range uint64(2) {
			r, err := p.NewRun(name+"_0", run, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if name == "queue" || name == "half" && run == 1 {
				f.put(r.Path(), "cgroup.events", "populated 1\n")
				f.put(p.Path(), "cgroup.events", "populated 1\n")
			}
		}
	}
	if err := f.kernel().mkdir(tree.Path() + "/programs/queue/not.ours"); err != nil {
		t.Fatal(err)
	}
	show := func(all []Entry, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range all {
			out = append(out, fmt.Sprintf("%s|%s|%d|%v", e.Program, e.Instance, e.Run, e.Populated))
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	if got, want := show(tree.List()), "a/b|a/b_0|0|false a/b|a/b_0|1|false empty||0|false half|half_0|0|false half|half_0|1|true "+
		"queue|queue_0|0|true queue|queue_0|1|true"; got != want {
		t.Errorf("List = %s\nwant   %s", got, want)
	}
	living := "half|half_0|1|true queue|queue_0|0|true queue|queue_0|1|true"
	if got := show(tree.Sweep()); got != living {
		t.Errorf("Sweep = %s\nwant    %s", got, living)
	}
	if got := show(tree.List()); got != living {
		t.Errorf("after Sweep: %s\nwant         %s", got, living)
	}
	long := strings.Repeat("n", 300)
	p, err := tree.Program(long)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewRun(long, 7, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := tree.List()
	if err != nil {
		t.Fatal(err)
	}
	e := all[slices.IndexFunc(all, func(e Entry) bool { return e.Run == 7 })]
	if back, err := tree.OpenEntry(e); err != nil || back.ID() != r.ID() || e.Program == long {
		t.Errorf("OpenEntry of a shortened name: %v", err)
	}
	if all, err := f.tree("off").List(); all != nil || err != nil {
		t.Errorf("List without a tree: %v, %v", all, err)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	f := newFake(t, "memory", "pids")
	p := fakeProgram(t, f, "queue")
	f.put(p.Path(), "memory.stat", stat612)
	n := testing.AllocsPerRun(100, func() {
		if _, err := p.Read(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Counts(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Populated(); err != nil {
			t.Fatal(err)
		}
	})
	most := 0.0
	if raceDetector {
		most = 9 // it makes sync.Pool forget at random; there are three gets with up to three buffers
	}
	if n > most {
		t.Errorf("%v allocations for Read, Counts and Populated", n)
	}
}

func BenchmarkRead(b *testing.B) {
	f := newFake(b, "memory")
	tree := f.tree("require")
	p, err := tree.Program("queue")
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	f.put(p.Path(), "memory.stat", stat612)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
