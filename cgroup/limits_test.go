package cgroup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// knobs reads back every limit of a cgroup, without those at the default.
func (f *fake) knobs(dir string) map[string]string {
	out := map[string]string{}
	for _, files := range fakeFiles {
		for name, text := range files {
			if got, err := os.ReadFile(dir + "/" + name); err == nil && strings.TrimSpace(string(got)) != strings.TrimSpace(text) {
				out[name] = strings.TrimSpace(string(got))
			}
		}
	}
	return out
}

const gib = 1 << 30

func TestApply(t *testing.T) {
	f := newFake(t, "memory", "pids", "cpu", "io")
	p, err := f.tree("require").Program("queue")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i, c := range []struct {
		limits Limits
		want   map[string]string
	}{
		{Limits{MemorySwapMax: Unlimited}, map[string]string{"memory.oom.group": "1"}},
		{Limits{}, map[string]string{"memory.oom.group": "1", "memory.swap.max": "0"}},
		{Limits{MemoryMax: 256 << 20}, map[string]string{"memory.oom.group": "1", "memory.swap.max": "0", "memory.max": "268435456"}},
		{Limits{MemoryMax: Unlimited, MemoryHigh: Unlimited, PidsMax: Unlimited, MemorySwapMax: 5},
			map[string]string{"memory.oom.group": "1", "memory.swap.max": "5"}},
		{Limits{
			MemoryMin: 1, MemoryLow: 2, MemoryHigh: 3 * gib, MemoryMax: 4 * gib, MemorySwapMax: gib,
			CPUWeight: 50, CPUMax: 1.5, IOWeight: 7, PidsMax: 64,
		}, map[string]string{
			"memory.min": "1", "memory.low": "2", "memory.high": "3221225472", "memory.max": "4294967296", "memory.swap.max": "1073741824",
			"memory.oom.group": "1", "cpu.weight": "50", "cpu.max": "150000 100000", "io.weight": "7", "pids.max": "64",
		}},
		{Limits{CPUMax: 0.001, MemorySwapMax: Unlimited}, map[string]string{"memory.oom.group": "1", "cpu.max": "1000 100000"}},
	} {
		r, err := p.NewRun("queue_03", uint64(i), c.limits)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, f.knobs(r.Path())); d != "" {
			t.Errorf("%+v: (-want +got)\n%s", c.limits, d)
		}
		// What is no longer set goes back to the kernel's default.
		if err := r.Apply(Limits{MemorySwapMax: Unlimited}); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"memory.oom.group": "1"}
		got := f.knobs(r.Path())
		for name, text := range map[string]string{"io.weight": "100"} {
			if got[name] == text { // the same thing in other words
				delete(got, name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v taken back: (-want +got)\n%s", c.limits, d)
		}
		if err := r.Remove(); err != nil {
			t.Fatal(err)
		}
		if err := r.Apply(c.limits); !errors.Is(err, ErrGone) {
			t.Errorf("Apply to a removed cgroup: %v, want ErrGone", err)
		}
		r.Close()
	}
}

func TestApplyWithoutControllers(t *testing.T) {
	all := Limits{MemoryMin: 1, MemoryLow: 1, MemoryHigh: 1, MemoryMax: 1, CPUWeight: 1, CPUMax: 1, IOWeight: 1, PidsMax: 1}
	for _, c := range []struct {
		controllers []string
		missing     []string
	}{
		{nil, []string{"memory_min", "memory_low", "memory_high", "memory_max", "memory_swap_max", "cpu_weight", "cpu_max", "io_weight", "pids_max"}},
		{[]string{"memory", "pids"}, []string{"cpu_weight", "cpu_max", "io_weight"}},
		{[]string{"memory", "pids", "cpu", "io"}, nil},
	} {
		f := newFake(t, c.controllers...)
		tree := f.tree("auto")
		if got := tree.Missing(all); !slices.Equal(got, c.missing) {
			t.Errorf("with %q: missing %q, want %q", c.controllers, got, c.missing)
		}
		if got := tree.Missing(Limits{MemorySwapMax: Unlimited}); got != nil {
			t.Errorf("with %q: missing %q without limits", c.controllers, got)
		}
		p, err := tree.Program("queue")
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.NewRun("queue", 1, all)
		if err != nil {
			t.Fatalf("with %q: %v", c.controllers, err)
		}
		if err := r.SetHigh(Unlimited); (err == nil) != tree.has("memory") || err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("with %q: SetHigh: %v", c.controllers, err)
		}
		r.Close()
		p.Close()
	}
}

func TestMissingFilesAreNoFault(t *testing.T) {
	// A kernel without swap accounting, and bfq in place of iocost.
	f := newFake(t, "memory", "io")
	k := f.kernel()
	mkdir := k.mkdir
	k.mkdir = func(path string) error {
		err := mkdir(path)
		os.Remove(path + "/memory.swap.max")
		if os.Remove(path+"/io.weight") == nil {
			f.put(path, "io.bfq.weight", "default 100\n")
		}
		return err
	}
	tree, err := open(f.options("auto"), k)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tree.Program("q")
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewRun("q", 1, Limits{MemoryMax: gib, IOWeight: 10000})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.get(r.Path()+"/memory.max") + " " + f.get(r.Path()+"/io.bfq.weight"); got != "1073741824 1000" {
		t.Errorf("memory.max and io.bfq.weight are %q", got)
	}
}

func TestBFQWeight(t *testing.T) {
	for in, want := range map[uint64]uint16{1: 1, 50: 50, 100: 100, 110: 100, 5050: 550, 10000: 1000, 99999: 1000} {
		if got := bfqWeight(in); got != want {
			t.Errorf("bfqWeight(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestProtectionReachesUp(t *testing.T) {
	f := newFake(t, "memory")
	tree := f.tree("require")
	const own = supervisorMin
	base := tree.Path() + "/programs"
	mins := func() string {
		var b []string
		for _, dir := range []string{tree.Path(), base, base + "/redis", base + "/queue"} {
			b = append(b, f.get(dir+"/memory.min")+"/"+f.get(dir+"/memory.low"))
		}
		return strings.Join(b, " ")
	}
	redis, err := tree.Program("redis")
	if err != nil {
		t.Fatal(err)
	}
	queue, err := tree.Program("queue")
	if err != nil {
		t.Fatal(err)
	}
	expect := func(step string, top, programs, r, q string) {
		t.Helper()
		if want := strings.Join([]string{top, programs, r, q}, " "); mins() != want {
			t.Errorf("%s: min/low of top, programs, redis, queue are %s, want %s", step, mins(), want)
		}
	}
	mb := func(mins, lows int64) string { return fmt.Sprintf("%d/%d", mins, lows) }
	expect("at first", mb(own, 0), "0/0", "0/0", "0/0")
	r1, err := redis.NewRun("redis", 1, Limits{MemoryMin: gib, MemoryLow: 10})
	if err != nil {
		t.Fatal(err)
	}
	expect("one run", mb(own+gib, 10), mb(gib, 10), mb(gib, 10), "0/0")
	if err := queue.Apply(Limits{MemoryMin: 100}); err != nil {
		t.Fatal(err)
	}
	q1, err := queue.NewRun("q", 1, Limits{MemoryMin: 60})
	if err != nil {
		t.Fatal(err)
	}
	expect("a program's own covers its run", mb(own+gib+100, 10), mb(gib+100, 10), mb(gib, 10), "100/0")
	q2, err := queue.NewRun("q", 2, Limits{MemoryMin: 60})
	if err != nil {
		t.Fatal(err)
	}
	expect("and then it does not", mb(own+gib+120, 10), mb(gib+120, 10), mb(gib, 10), "120/0")
	if err := queue.Apply(Limits{MemoryMin: 100}); err != nil {
		t.Fatal(err)
	}
	expect("applying the program again keeps the runs'", mb(own+gib+120, 10), mb(gib+120, 10), mb(gib, 10), "120/0")
	for _, r := range []*Group{r1, q1, q2} {
		if err := r.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	expect("all gone", mb(own+100, 0), mb(100, 0), "0/0", "100/0")
}
