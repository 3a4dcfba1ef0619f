//go:build kernel

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for the kernel; guests are slow.
const patience = 60 * time.Second

// place makes a cgroup of the test's own whose children have every controller
// there is, moves this process back out at the end and removes it. Without a
// memory controller the test fails: what it is about cannot be seen then.
func place(t *testing.T) string {
	t.Helper()
	base := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	if base == "" {
		t.Fatal("BULKHEAD_KERNEL_CGROUP is not set: it names a cgroup v2 directory whose children have the memory controller")
	}
	dir, err := os.MkdirTemp(base, "test-")
	if err != nil {
		t.Fatal(err)
	}
	if !hasMemory(dir) {
		os.Remove(dir)
		t.Fatalf("no memory controller below %q", base)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := parseMounts(table)
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	home := ownDir(m.point, m.root, parseOwn(self))
	t.Cleanup(func() {
		if err := os.WriteFile(home+"/cgroup.procs", []byte("0"), 0); err != nil {
			t.Errorf("cannot leave the test's cgroup: %v", err)
		}
		os.WriteFile(dir+"/cgroup.kill", []byte("1"), 0)
		eventually(t, "the test's cgroup can be removed", func() bool {
			removeTree(dir)
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		})
	})
	return dir
}

func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	unix.Rmdir(dir)
}

func realTree(t *testing.T) *Tree {
	t.Helper()
	tree, err := Open(Options{Mode: "require", Mount: place(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func program(t *testing.T, tree *Tree, name string) *Group {
	t.Helper()
	p, err := tree.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newRun(t *testing.T, p *Group, instance string, run uint64, l Limits) *Group {
	t.Helper()
	r, err := p.NewRun(instance, run, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// start runs this test binary as a child born in g; see child_test.go.
func start(t *testing.T, g *Group, what ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"CGROUP_TEST_CHILD=" + strings.Join(what, " "), "GOGC=off", "GOMAXPROCS=2"}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD(), Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start a child in %q: %v", g.Path(), err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func eventually(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > patience {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

func empty(t *testing.T, g *Group) {
	t.Helper()
	eventually(t, g.Path()+" is empty", func() bool {
		populated, err := g.Populated()
		if err != nil {
			t.Fatal(err)
		}
		return !populated
	})
}

func remove(t *testing.T, g *Group) {
	t.Helper()
	eventually(t, g.Path()+" can be removed", func() bool {
		err := g.Remove()
		if err != nil && !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// wakes polls the descriptor and tells whether it woke in time.
func wakes(t *testing.T, fd int, timeout time.Duration) bool {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		n, err := unix.Poll(fds, max(int(time.Until(deadline).Milliseconds()), 0))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n == 1 && fds[0].Revents&unix.POLLPRI != 0
	}
}

func read(t *testing.T, g *Group) Reading {
	t.Helper()
	r, err := g.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func counts(t *testing.T, g *Group) Counts {
	t.Helper()
	c, err := g.Counts()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const mib = 1 << 20

func TestKernelLimitsReadBack(t *testing.T) {
	tree := realTree(t)
	if tree.Why() != "" {
		t.Errorf("why: %s", tree.Why())
	}
	p := program(t, tree, "queue")
	if err := p.Apply(Limits{MemoryMax: gib, MemorySwapMax: Unlimited, PidsMax: 500}); err != nil {
		t.Fatal(err)
	}
	r := newRun(t, p, "queue_03", 1, Limits{
		MemoryMin: 8 * mib, MemoryLow: 16 * mib, MemoryHigh: 224*mib + 100, MemoryMax: 256 * mib, MemorySwapMax: 0,
		CPUWeight: 50, CPUMax: 1.5, IOWeight: 70, PidsMax: 64,
	})
	check := func(g *Group, want map[string]string) {
		t.Helper()
		for file, text := range want {
			b, err := g.readFile(file)
			if err != nil && strings.HasPrefix(file, "io.") && !g.have(file) {
				continue // neither iocost nor bfq in this kernel
			}
			if got := strings.TrimSpace(string(b)); got != text {
				t.Errorf("%s of %s is %q (%v), want %q", file, g.Path(), got, err, text)
			}
		}
	}
	check(p, map[string]string{"memory.max": "1073741824", "memory.swap.max": "max", "pids.max": "500", "memory.oom.group": "0",
		"memory.min": "8388608", "memory.low": "16777216"})
	check(r, map[string]string{
		"memory.min": "8388608", "memory.low": "16777216", "memory.high": "234881024", "memory.max": "268435456", "memory.swap.max": "0",
		"memory.oom.group": "1", "cpu.weight": "50", "cpu.max": "150000 100000", "io.weight": "default 70", "pids.max": "64",
	})
	if err := r.SetHigh(Unlimited); err != nil {
		t.Error(err)
	}
	check(r, map[string]string{"memory.high": "max", "memory.max": "268435456"})
	if err := r.Apply(Limits{MemorySwapMax: Unlimited}); err != nil {
		t.Error(err)
	}
	check(r, map[string]string{
		"memory.min": "0", "memory.low": "0", "memory.high": "max", "memory.max": "max", "memory.swap.max": "max", "memory.oom.group": "1",
		"cpu.weight": "100", "cpu.max": "max 100000", "io.weight": "default 100", "pids.max": "max",
	})
	if got := read(t, r); got.Measure != 0 || got.Current != 0 || got.Peak != 0 {
		t.Errorf("a run that nothing ran in reads %+v", got)
	}
	var st unix.Stat_t
	if err := unix.Stat(r.Path(), &st); err != nil || st.Ino != r.ID() {
		t.Errorf("id %d, inode %d, %v", r.ID(), st.Ino, err)
	}
	remove(t, r)
	check(p, map[string]string{"memory.min": "0", "memory.low": "0"})
	if _, err := r.Read(); !errors.Is(err, ErrGone) {
		t.Errorf("Read after Remove: %v, want ErrGone", err)
	}
	if err := r.SetHigh(Unlimited); !errors.Is(err, ErrGone) {
		t.Errorf("SetHigh after Remove: %v, want ErrGone", err)
	}
	if err := errors.Join(r.Remove(), r.Kill(), r.Signal(unix.SIGTERM)); err != nil {
		t.Errorf("ending what is gone: %v", err)
	}
}

func TestKernelKillForkBomb(t *testing.T) {
	p := program(t, realTree(t), "bomb")
	r := newRun(t, p, "bomb", 1, Limits{MemorySwapMax: Unlimited, PidsMax: 80})
	fd, err := r.PopulatedFD()
	if err != nil {
		t.Fatal(err)
	}
	cmd := start(t, r, "bomb")
	eventually(t, "the bomb has grown", func() bool {
		pids, err := r.Procs()
		if err != nil {
			t.Fatal(err)
		}
		return len(pids) > 10
	})
	if err := r.Signal(unix.SIGTERM); err != nil {
		t.Logf("asking the bomb politely: %v", err) // it may out-fork the question
	}
	if populated, err := r.Populated(); err != nil || !populated {
		t.Fatalf("the bomb obeyed: %v, %v", populated, err)
	}
	begin := time.Now()
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	for populated := true; populated; {
		if !wakes(t, fd, patience) {
			t.Fatal("cgroup.events never woke")
		}
		if populated, err = r.Populated(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("empty %s after cgroup.kill", time.Since(begin))
	cmd.Wait() // the reaping stays ours
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGKILL {
		t.Errorf("the main process ended with %v", cmd.ProcessState)
	}
	if c := counts(t, r); c.OOMKill != 0 {
		t.Errorf("our kill counts as the kernel's: %+v", c)
	}
	remove(t, r)

	// The same without cgroup.kill, as before Linux 5.14.
	r = newRun(t, p, "bomb", 2, Limits{MemorySwapMax: Unlimited, PidsMax: 80})
	start(t, r, "bomb")
	eventually(t, "the second bomb has grown", func() bool {
		pids, err := r.Procs()
		if err != nil {
			t.Fatal(err)
		}
		return len(pids) > 10
	})
	if err := r.killEach(); err != nil {
		t.Fatal(err)
	}
	if populated, err := r.Populated(); err != nil || populated {
		t.Errorf("after killing one by one: populated %v, %v", populated, err)
	}
	remove(t, r)
}

func TestKernelFreshDirectoryAfterKill(t *testing.T) {
	p := program(t, realTree(t), "queue")
	for run := range uint64(5) {
		r := newRun(t, p, "queue_00", run, Limits{MemorySwapMax: Unlimited})
		cmd := start(t, r, "exit", "7")
		if cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
			t.Fatalf("run %d, born after a kill of the one before: %v", run, cmd.ProcessState)
		}
		start(t, r, "sleep")
		if err := r.Kill(); err != nil {
			t.Fatal(err)
		}
		empty(t, r)
		remove(t, r)
	}
	// The same name again: what is empty is replaced, what lives is not.
	r := newRun(t, p, "queue_00", 9, Limits{MemorySwapMax: Unlimited})
	again := newRun(t, p, "queue_00", 9, Limits{MemorySwapMax: Unlimited})
	if again.ID() == r.ID() {
		t.Error("an old directory was used again")
	}
	if _, err := r.Populated(); err != nil {
		t.Error(err)
	}
	if err := r.SetHigh(mib); !errors.Is(err, ErrGone) {
		t.Errorf("writing to the replaced cgroup: %v, want ErrGone", err)
	}
	start(t, again, "sleep")
	if _, err := p.NewRun("queue_00", 9, Limits{}); !errors.Is(err, ErrBusy) {
		t.Errorf("replacing a living run: %v, want ErrBusy", err)
	}
	if err := again.Remove(); !errors.Is(err, ErrBusy) {
		t.Errorf("removing a living run: %v, want ErrBusy", err)
	}
}

func TestKernelTripwire(t *testing.T) {
	p := program(t, realTree(t), "leak")
	r := newRun(t, p, "leak", 1, Limits{MemoryHigh: 48 * mib, MemoryMax: 400 * mib, MemorySwapMax: 0})
	fd, err := r.EventsFD()
	if err != nil {
		t.Fatal(err)
	}
	if wakes(t, fd, 0) {
		t.Error("memory.events.local woke before anything happened")
	}
	trigger, err := r.PressureTrigger(true, 100*time.Millisecond, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(trigger)
	cmd := start(t, r, "grow", "120")
	if !wakes(t, fd, patience) {
		t.Fatal("crossing memory.high woke nobody")
	}
	if c := counts(t, r); c.High == 0 {
		t.Errorf("woken without a high event: %+v", c)
	}
	now := read(t, r)
	if now.MeasureFromCurrent < 32*mib || now.MeasureFromCurrent > 70*mib {
		t.Errorf("at the crossing of 48M: %+v", now)
	}
	if !wakes(t, trigger, patience) {
		t.Error("a worker wedged at memory.high caused no pressure event")
	}
	stuck := read(t, r)
	if stuck.Current > 80*mib {
		t.Errorf("memory.high did not hold: %+v", stuck)
	}
	if p := counts(t, p); p.High != 0 {
		t.Errorf("the run's own limit counts at the program: %+v", p)
	}
	if err := r.SetHigh(Unlimited); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the lifted worker could not finish: %v", err)
	}
	if after := read(t, r); after.Peak < 120*mib {
		t.Errorf("peak %d after growing by 120M", after.Peak)
	}
	if wakes(t, fd, 0) {
		counts(t, r)
	}
	if wakes(t, fd, 0) {
		t.Error("reading the counts did not re-arm the event")
	}
	remove(t, r)
	if !wakes(t, fd, patience) {
		t.Error("removal woke nobody")
	}
}

func TestKernelPageCacheIsNotMeasured(t *testing.T) {
	p := program(t, realTree(t), "cache")
	r := newRun(t, p, "cache", 1, Limits{MemoryHigh: 96 * mib, MemorySwapMax: 0})
	// On a file system of its own: tmpfs would be shared memory.
	cmd := start(t, r, "readfiles", "64")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // memory.stat's longest lag
	got := read(t, r)
	t.Logf("after reading 64M of files: %+v", got)
	if got.Cache < 48*mib || got.Current < 48*mib {
		t.Fatalf("the files left no cache: %+v", got)
	}
	if got.Measure > 8*mib || got.MeasureFromCurrent > 8*mib {
		t.Errorf("cache is measured: %+v", got)
	}
	fd, err := unix.Open(p.Path()+"/cgroup.stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	before := read(t, p)
	remove(t, r)
	after := read(t, p)
	t.Logf("program before removal %d, after %d", before.Current, after.Current)
	if after.Current > 8*mib {
		t.Errorf("Remove left %d bytes charged to the program, of %d", after.Current, before.Current)
	}
	eventually(t, "no dying cgroup stays", func() bool {
		b, err := preadAll(fd, make([]byte, 512))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte("nr_dying_descendants 0\n"))
	})
}

func TestKernelOOMStaysInItsCompartment(t *testing.T) {
	p := program(t, realTree(t), "queue")
	big := newRun(t, p, "queue_00", 1, Limits{MemoryMax: 48 * mib, MemorySwapMax: 0})
	calm := newRun(t, p, "queue_01", 1, Limits{MemoryMax: 48 * mib, MemorySwapMax: 0})
	neighbour := start(t, calm, "sleep")
	cmd := start(t, big, "withchild", "grow", "200")
	cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGKILL {
		t.Fatalf("the balloon ended with %v", cmd.ProcessState)
	}
	empty(t, big) // memory.oom.group: the helper process too
	b, c, pc := counts(t, big), counts(t, calm), counts(t, p)
	t.Logf("balloon %+v, neighbour %+v, program %+v", b, c, pc)
	if b.OOMKill == 0 || b.OOM == 0 || b.OOMGroupKill != 1 {
		t.Errorf("the balloon's counts: %+v", b)
	}
	if c != (Counts{}) || pc != (Counts{}) {
		t.Errorf("counted elsewhere: neighbour %+v, program %+v", c, pc)
	}
	if err := neighbour.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the neighbour did not survive: %v", err)
	}
}

func TestKernelOOMAtTheProgramsLevel(t *testing.T) {
	p := program(t, realTree(t), "queue")
	if err := p.Apply(Limits{MemoryMax: 64 * mib, MemorySwapMax: 0}); err != nil {
		t.Fatal(err)
	}
	r := newRun(t, p, "queue_00", 1, Limits{MemorySwapMax: Unlimited})
	cmd := start(t, r, "grow", "300")
	cmd.Wait()
	rc, pc := counts(t, r), counts(t, p)
	t.Logf("run %+v, program %+v", rc, pc)
	if pc.OOM == 0 || pc.OOMKill != 0 {
		t.Errorf("at the program, whose limit it was: %+v", pc)
	}
	if rc.OOM != 0 || rc.OOMKill == 0 {
		t.Errorf("at the run, whose process it was: %+v", rc)
	}
}

func TestKernelPidsMax(t *testing.T) {
	p := program(t, realTree(t), "forks")
	r := newRun(t, p, "forks", 1, Limits{MemorySwapMax: Unlimited, PidsMax: 40})
	start(t, r, "bomb")
	eventually(t, "pids.max is counted", func() bool { return counts(t, r).PidsMax > 0 })
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	empty(t, r)
}

func TestKernelProcessesOfTheSubtree(t *testing.T) {
	p := program(t, realTree(t), "nested")
	r := newRun(t, p, "nested", 1, Limits{MemorySwapMax: Unlimited})
	cmd := start(t, r, "sleep")
	inner := r.Path() + "/own/deep"
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	second := start(t, r, "sleep")
	if err := os.WriteFile(inner+"/cgroup.procs", []byte(strconv.Itoa(second.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	want := []int{cmd.Process.Pid, second.Process.Pid}
	slices.Sort(want)
	if pids, err := r.Procs(); err != nil || !slices.Equal(pids, want) {
		t.Errorf("Procs = %v, %v, want %v", pids, err, want)
	}
	if pids, err := p.Procs(); err != nil || !slices.Equal(pids, want) {
		t.Errorf("Procs of the program = %v, %v, want %v", pids, err, want)
	}
	if err := r.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{cmd, second} {
		c.Wait()
		if ws := c.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGTERM {
			t.Errorf("a process of the subtree ended with %v", c.ProcessState)
		}
	}
	remove(t, r) // with the worker's own directories
	if _, err := os.Stat(r.Path()); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestKernelNamesAndSweep(t *testing.T) {
	tree := realTree(t)
	names := []string{"queue", "memory.max", "memory", "cgroup", "..", ".", "", "a/b", "a b\nc", "größe", "%", strings.Repeat("x", 400), strings.Repeat("ü", 200)}
	var want []string
	for i, name := range names {
		p := program(t, tree, name)
		r := newRun(t, p, name, uint64(i), Limits{MemorySwapMax: Unlimited})
		if len(name) < 100 {
			want = append(want, fmt.Sprintf("%q %q %d", name, name, i))
		}
		if i == 0 {
			start(t, r, "sleep")
		}
	}
	all, err := tree.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		if len(e.Program) < 100 {
			got = append(got, fmt.Sprintf("%q %q %d", e.Program, e.Instance, e.Run))
		}
		if e.Populated != (e.Program == "queue") {
			t.Errorf("populated: %+v", e)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(all) != len(names) || !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	living, err := tree.Sweep()
	if err != nil || len(living) != 1 || living[0].Program != "queue" {
		t.Errorf("Sweep = %+v, %v", living, err)
	}
	if all, err = tree.List(); err != nil || len(all) != 1 {
		t.Errorf("after Sweep: %+v, %v", all, err)
	}
	p := program(t, tree, "queue")
	r, err := p.OpenRun("queue", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	empty(t, r)
	remove(t, r)
}

func TestKernelReclaim(t *testing.T) {
	p := program(t, realTree(t), "q")
	r := newRun(t, p, "q", 1, Limits{MemorySwapMax: 0})
	start(t, r, "grow", "20", "sleep")
	eventually(t, "the child has grown", func() bool { return read(t, r).Current > 20*mib })
	// Nothing to take without swap: EAGAIN, which is an answer and no error.
	done := make(chan error, 1)
	go func() { done <- r.Reclaim(gib) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Reclaim hangs")
	}
}

func TestKernelTracking(t *testing.T) {
	dir := place(t) // its children have no controllers until somebody enables them
	inner := dir + "/inner"
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(Options{Mount: inner})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if tree.Mode() != Tracking || tree.Why() == "" {
		t.Fatalf("mode %v, why %q", tree.Mode(), tree.Why())
	}
	trackingRun(t, tree)
}

// trackingRun is what works in any cgroup v2.
func trackingRun(t *testing.T, tree *Tree) {
	p := program(t, tree, "queue")
	r := newRun(t, p, "queue", 1, Limits{MemoryMax: gib, PidsMax: 5})
	start(t, r, "grow", "30", "sleep")
	eventually(t, "the processes' memory is seen", func() bool { return read(t, r).Measure > 30*mib })
	if got := read(t, r); got.Anon < 30*mib || got.Measure > 60*mib || got.Peak < got.Measure {
		t.Errorf("reading by Pss: %+v", got)
	}
	if _, err := r.EventsFD(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EventsFD: %v", err)
	}
	if c, err := r.Counts(); err != nil || c != (Counts{}) {
		t.Errorf("Counts = %+v, %v", c, err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	empty(t, r)
	remove(t, r)
}
