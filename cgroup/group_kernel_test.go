//go:build kernel

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
	r := newRun(t, p, "bomb", 1, Limits{MemorySwapMax: Unlimited, PidsMax: 60})
	fd, err := r.PopulatedFD()
	if err != nil {
		t.Fatal(err)
	}
	cmd := start(t, r, "bomb")
	eventually(t, "the bomb has grown as far as pids.max", func() bool { return counts(t, r).PidsMax > 0 })
	if pids, err := r.Procs(); err != nil || len(pids) < 3 {
		t.Fatalf("not much of a bomb: %v, %v", pids, err)
	}
	polite := time.Now()
	if err := r.Signal(unix.SIGTERM); err != nil {
		t.Logf("asking the bomb politely: %v", err) // it may out-fork the question
	}
	t.Logf("asked politely for %s", time.Since(polite))
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
	r = newRun(t, p, "bomb", 2, Limits{MemorySwapMax: Unlimited, PidsMax: 60})
	start(t, r, "bomb")
	eventually(t, "the second bomb has grown", func() bool {
		pids, err := r.Procs()
		if err != nil {
			t.Fatal(err)
		}
		return len(pids) > 4
	})
	if err := r.killEach(); err != nil {
		t.Fatal(err)
	}
	if pids, err := r.Procs(); err != nil || len(pids) > 0 {
		t.Errorf("after killing one by one: %v, %v", pids, err)
	}
	empty(t, r)
	remove(t, r)
}

func TestKernelFreshDirectoryAfterKill(t *testing.T) {
	p := program(t, realTree(t), "queue")
	for run := range uint64(3) {
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
	eventually(t, "the processes' memory is seen", func() bool { return read(t, r).Anon > 30*mib })
	if got := read(t, r); got.Measure < got.Anon || got.Measure > 60*mib || got.Peak < got.Measure {
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
