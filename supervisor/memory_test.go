package supervisor

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
)

// fakeCompartment says what a test wants, and notes where memory.high was put.
type fakeCompartment struct {
	mu      sync.Mutex
	reading cgroup.Reading
	counts  cgroup.Counts
	err     error // of every reading
	refuse  error // of SetHigh
	highs   []int64
	applied []cgroup.Limits
	reads   int
	lists   []time.Time
	events  error // of EventsFD, nil: there is no cgroup any more
}

func (f *fakeCompartment) Read() (cgroup.Reading, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	return f.reading, f.err
}

func (f *fakeCompartment) Charged(swapped bool) (current, swap int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if swapped {
		swap = f.reading.Swap
	}
	return f.reading.Measure + f.reading.Cache - f.reading.Swap, swap, f.err
}

func (f *fakeCompartment) Counts() (cgroup.Counts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts, f.err
}

func (f *fakeCompartment) ReclaimCache() error { return nil }

func (f *fakeCompartment) SetHigh(to int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.highs = append(f.highs, to)
	return f.refuse
}

func (f *fakeCompartment) Apply(l cgroup.Limits) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied = append(f.applied, l)
	return f.refuse
}

func (f *fakeCompartment) Procs() ([]int, error) { return nil, f.err }

func (f *fakeCompartment) Recent() ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists = append(f.lists, time.Now())
	return nil, f.err
}

// listed is when somebody asked for its processes.
func (f *fakeCompartment) listed() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lists
}

// says is what the next readings are, without page cache.
func (f *fakeCompartment) says(measure int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = cgroup.Reading{Measure: measure, MeasureFromCurrent: measure, At: time.Now()}
}

func (f *fakeCompartment) readings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

func (f *fakeCompartment) EventsFD() (int, error)      { return -1, cmp.Or(f.events, cgroup.ErrGone) }
func (f *fakeCompartment) FD() int                     { return -1 }
func (f *fakeCompartment) ID() uint64                  { return 7 }
func (f *fakeCompartment) Path() string                { return "/fake" }
func (f *fakeCompartment) Populated() (bool, error)    { return false, nil }
func (f *fakeCompartment) PopulatedFD() (int, error)   { return -1, cgroup.ErrGone }
func (f *fakeCompartment) Signal(syscall.Signal) error { return nil }
func (f *fakeCompartment) Strike() bool                { return true }
func (f *fakeCompartment) Kill() error                 { return nil }
func (f *fakeCompartment) Remove() error               { return nil }
func (f *fakeCompartment) Close()                      {}
func (f *fakeCompartment) PressureTrigger(bool, time.Duration, time.Duration) (int, error) {
	return -1, errors.New("no PSI")
}

// fakeRun is a run in a fake compartment, with no process in it.
type fakeRun struct {
	*process
	t      *testing.T
	comp   *fakeCompartment
	posted []any
}

const mib = 1 << 20

// wireStep is how far above the cache a moved wire stands.
const wireStep = 64 << 10

// newFakeRun has max_memory 100M and memory_max 200M, on a host that holds the
// limits or does not.
func newFakeRun(t *testing.T, enforced bool, change func(*conf.Program)) *fakeRun {
	t.Helper()
	p := worker("queue", 1, func(p *conf.Program) {
		p.Recycle.MaxMemory, p.Limits.MemoryMax = 100*mib, 200*mib
		if change != nil {
			change(p)
		}
	}).Programs[0]
	tree := &cgroup.Tree{}
	if enforced {
		tree = paperTree(t)
	}
	f := &fakeRun{t: t, comp: &fakeCompartment{}}
	h := newHost(&conf.Config{}, tree, nil, newGoTimer(), nil, nil)
	h.post = func(e any) {
		f.comp.mu.Lock()
		defer f.comp.mu.Unlock()
		f.posted = append(f.posted, e)
	}
	f.process = &process{host: h, ref: ref{&instance{}, 1}, comp: f.comp, wire: wireOf(&p)}
	f.process.prog.Store(&p)
	f.wire.At = f.wire.Arm()
	return f
}

// A wire that nobody can listen to is told of, and its run is looked at in every round.
func TestWireThatCannotBeWatched(t *testing.T) {
	for _, c := range []struct {
		err  error
		deaf bool
	}{{unix.EMFILE, true}, {nil, false}} {
		f := newFakeRun(t, true, nil)
		f.comp.events = c.err
		f.watchWire()
		if f.unheard() != c.deaf || len(f.posted) == 1 != c.deaf {
			t.Errorf("%v: unheard %v, posted %v", c.err, f.unheard(), f.posted)
		}
	}
}

// paperTree is a tree of ordinary files that says it has the memory controller.
func paperTree(t *testing.T) *cgroup.Tree {
	t.Helper()
	return paperTreeWith(t, "memory", cgroup.Enforced)
}

// paperTreeWith is one that says it has these controllers.
func paperTreeWith(t *testing.T, controllers string, mode cgroup.Mode) *cgroup.Tree {
	t.Helper()
	mount := t.TempDir()
	for _, dir := range []string{"", "paper", "paper/supervisor", "paper/programs"} {
		dir = filepath.Join(mount, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": controllers, "cgroup.procs": "",
			"memory.min": "0", "memory.low": "0"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	tree, err := cgroup.Open(cgroup.Options{Mount: mount, Name: "paper"})
	if err != nil || tree.Mode() != mode {
		t.Fatalf("mode %v, %v: %s", tree.Mode(), err, tree.Why())
	}
	t.Cleanup(tree.Close)
	return tree
}

// touch is a memory event: the kernel's counter of memory.high has grown.
func (f *fakeRun) touch(measure, cache int64) {
	f.comp.mu.Lock()
	f.comp.counts.High++
	f.comp.reading = cgroup.Reading{MeasureFromCurrent: measure, Measure: measure, Cache: cache}
	f.comp.mu.Unlock()
	f.onMemory()
}

// want compares, and forgets, what was posted and where memory.high was put.
func (f *fakeRun) want(what string, posted []any, highs ...int64) {
	f.t.Helper()
	flush(&f.lane)
	f.comp.mu.Lock()
	defer f.comp.mu.Unlock()
	if len(f.posted) != len(posted) {
		f.t.Errorf("%s: posted %+v, want %+v", what, f.posted, posted)
	} else {
		for i := range posted {
			if f.posted[i] != posted[i] {
				f.t.Errorf("%s: posted %+v, want %+v", what, f.posted[i], posted[i])
			}
		}
	}
	if len(f.comp.highs) != len(highs) {
		f.t.Errorf("%s: memory.high was put to %v, want %v", what, f.comp.highs, highs)
	} else {
		for i := range highs {
			if f.comp.highs[i] != highs[i] {
				f.t.Errorf("%s: memory.high was put to %v, want %v", what, f.comp.highs, highs)
			}
		}
	}
	f.posted, f.comp.highs = nil, nil
}

func TestWireMovesByTheCache(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.touch(60*mib, 40*mib)
	f.want("cache fired it", []any{wireMoved{f.ref, 140*mib + wireStep, 40 * mib}}, 140*mib+wireStep)
	f.touch(60*mib, 40*mib)
	f.want("the same again", nil)
	f.onMemory()
	f.want("woken without a new count", nil)
	if f.comp.reads != 2 {
		t.Errorf("%d readings for two events", f.comp.reads)
	}
	f.touch(60*mib, 110*mib)
	f.want("more cache than memory.max leaves", []any{wireMoved{f.ref, programs.Unlimited, 110 * mib}}, programs.Unlimited)
	f.touch(70*mib, 10*mib)
	f.want("the cache is gone", []any{wireMoved{f.ref, 110*mib + wireStep, 10 * mib}}, 110*mib+wireStep)
	f.touch(100*mib, 10*mib)
	f.want("over the line", []any{crossed{f.ref, 100 * mib, false}})
	f.touch(150*mib, 0)
	f.want("told already", nil)
}

// memory.max touched is an event too: the wire may stand above it.
func TestMaxIsAnEvent(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.counts.Max++
	f.comp.reading = cgroup.Reading{MeasureFromCurrent: 190 * mib}
	f.onMemory()
	f.want("at memory.max", []any{crossed{f.ref, 190 * mib, false}})
}

func TestLiftIsForGood(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.lift()
	f.want("lifted", nil, cgroup.Unlimited)
	f.touch(60*mib, 40*mib)
	f.want("an event after", nil)
	f.judge(true)
	f.want("sampled after", nil)
	f.revise(&worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory = 50 * mib }).Programs[0])
	f.want("new rules after", nil)
}

func TestJudgeBySampling(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.reading = cgroup.Reading{Measure: 60 * mib, MeasureFromCurrent: 999 * mib, Cache: 30 * mib, SlabReclaimable: 10 * mib}
	f.judge(true)
	f.want("moved, and not told", nil, 140*mib+wireStep)
	f.comp.reading.Measure = 120 * mib // into swap: no event tells of that
	f.judge(true)
	f.want("over", []any{crossed{f.ref, 120 * mib, true}})
	f.comp.err = cgroup.ErrGone
	f.judge(true)
	f.onMemory()
	f.want("gone", nil)
}

// A look that comes between the kernel's event and its hearing has not found the crossing.
func TestJudgeBeforeTheEventIsHeard(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.counts.High++
	f.comp.says(120 * mib)
	f.judge(true)
	f.want("the kernel has counted it", []any{crossed{f.ref, 120 * mib, false}})
	f.onMemory()
	f.want("heard, then", nil)
}

func TestRevise(t *testing.T) {
	rules := func(line, high conf.Bytes) *conf.Program {
		return &worker("queue", 1, func(p *conf.Program) {
			p.Recycle.MaxMemory, p.Limits.MemoryMax, p.Limits.MemoryHigh = line, 200*mib, high
		}).Programs[0]
	}
	f := newFakeRun(t, true, nil)
	f.revise(rules(100*mib, conf.Unlimited))
	f.want("the same", nil)
	f.revise(rules(150*mib, conf.Unlimited))
	f.want("higher", nil, 150*mib)
	f.touch(120*mib, 0)
	f.want("over the old line only", []any{wireMoved{f.ref, 150*mib + wireStep, 0}}, 150*mib+wireStep)
	f.revise(rules(80*mib, conf.Unlimited))
	f.want("lower", nil, 80*mib)
	f.touch(90*mib, 0)
	f.want("over the new line", []any{crossed{f.ref, 90 * mib, false}})
}

// Where memory_high holds the wire, the line moves all the same.
func TestReviseBehindTheUsersHigh(t *testing.T) {
	f := newFakeRun(t, true, func(p *conf.Program) { p.Limits.MemoryHigh = 80 * mib })
	next := worker("queue", 1, func(p *conf.Program) {
		p.Recycle.MaxMemory, p.Limits.MemoryMax, p.Limits.MemoryHigh = 150*mib, 200*mib, 80*mib
	}).Programs[0]
	f.revise(&next)
	f.want("memory.high stays", nil)
	f.touch(120*mib, 0)
	f.want("over the old line only", nil)
}

// A line that was taken away is no line at 0.
func TestReviseWithoutALine(t *testing.T) {
	f := newFakeRun(t, true, nil)
	next := worker("queue", 1, func(p *conf.Program) { p.Limits.MemoryMax = 200 * mib }).Programs[0]
	f.revise(&next)
	f.want("the wire is down", nil, cgroup.Unlimited)
	f.comp.counts.Max++
	f.touch(120*mib, 0)
	f.want("an event without a line", nil)
	f.revise(&worker("queue", 1, func(p *conf.Program) { p.Recycle.MaxMemory, p.Limits.MemoryMax = 100*mib, 200*mib }).Programs[0])
	f.want("a line again", nil, 100*mib)
	f.touch(120*mib, 0)
	f.want("over it", []any{crossed{f.ref, 120 * mib, false}})
}

func TestHighThatCannotBeSet(t *testing.T) {
	f := newFakeRun(t, true, nil)
	f.comp.refuse = errors.New("read-only file system")
	f.lift()
	f.want("told", []any{trouble{f.ref, "cannot set memory.high", f.comp.refuse}}, cgroup.Unlimited)
	f.comp.refuse = cgroup.ErrGone
	f.lift()
	f.want("over already: nothing to tell", nil, cgroup.Unlimited)
}

// Without the kernel's limits there is no memory.high to touch.
func TestNothingToSetWhereNothingIsEnforced(t *testing.T) {
	f := newFakeRun(t, false, nil)
	f.watchMemory()
	f.lift()
	f.revise(&worker("queue", 1, nil).Programs[0])
	f.want("nothing", nil)
	if f.prog.Load().Recycle.MaxMemory != 0 {
		t.Error("the new rules have not reached the run")
	}
}

// The stall is told once it has lasted, and not before.
func TestWedgedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRun(t, true, func(p *conf.Program) { p.Limits.MemoryHigh = 80 * mib })
		f.comp.reading = cgroup.Reading{Measure: 80 * mib}
		for range 10 {
			f.onPressure()
			time.Sleep(stallWindow)
		}
		f.want("18 s", nil)
		f.onPressure()
		f.want("20 s", []any{stuck{f.ref}})
		f.jobs++ // a job ended: it is not stuck
		f.onPressure()
		f.want("it goes on", nil)
		f.comp.err = cgroup.ErrGone
		f.onPressure()
		f.want("gone", nil)
	})
}

// With profile permissive a run over the line is let be for a time and an amount, the wire
// moves up to that amount, and down again when it is over.
func TestBurst(t *testing.T) {
	lenient := func(p *conf.Program) {
		p.Profile = conf.Permissive
		p.Recycle.Burst, p.Recycle.BurstTime = 0.5, 30*time.Second
	}
	within := func(name string, test func(f *fakeRun)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(newFakeRun(t, true, lenient))
				time.Sleep(time.Hour) // whatever is asleep wakes: it must have nothing to say
				synctest.Wait()
			})
		})
	}
	wait := func(d time.Duration) {
		time.Sleep(d)
		synctest.Wait()
	}
	within("short", func(f *fakeRun) {
		f.touch(120*mib, 3*mib)
		f.want("over the line", []any{bursting{f.ref, 120 * mib}}, 153*mib+wireStep)
		f.touch(130*mib, 3*mib)
		f.want("more", nil)
		f.comp.says(40 * mib)
		wait(31 * time.Second)
		f.want("looked at its end", nil, 100*mib+wireStep)
		f.touch(120*mib, 0)
		f.want("the next", []any{bursting{f.ref, 120 * mib}}, 150*mib+wireStep)
		f.comp.says(0)
	})
	within("long", func(f *fakeRun) {
		f.touch(120*mib, 0)
		f.want("over the line", []any{bursting{f.ref, 120 * mib}}, 150*mib+wireStep)
		wait(29 * time.Second)
		f.want("not yet", nil)
		wait(time.Second)
		f.want("too long", []any{crossed{f.ref, 120 * mib, true}})
	})
	within("large", func(f *fakeRun) {
		f.touch(120*mib, 0)
		f.touch(151*mib, 0)
		f.want("too large", []any{bursting{f.ref, 120 * mib}, crossed{f.ref, 151 * mib, false}}, 150*mib+wireStep)
	})
	within("strict from now on", func(f *fakeRun) {
		f.touch(120*mib, 0)
		strict := *f.prog.Load()
		strict.Profile = conf.Strict
		f.revise(&strict)
		f.want("judged anew", []any{bursting{f.ref, 120 * mib}, crossed{f.ref, 120 * mib, true}}, 150*mib+wireStep)
	})
	within("it goes", func(f *fakeRun) {
		f.touch(120*mib, 0)
		f.lift()
		f.want("lifted", []any{bursting{f.ref, 120 * mib}}, 150*mib+wireStep, cgroup.Unlimited)
	})
	synctest.Test(t, func(t *testing.T) { // where the kernel tells nothing
		f := newFakeRun(t, false, lenient)
		f.comp.says(120 * mib)
		f.look(programs.Pass{At: time.Now()}, 0)
		f.want("sampled", []any{used{f.ref, 120 * mib}, bursting{f.ref, 120 * mib}})
		wait(30 * time.Second)
		f.comp.says(120 * mib)
		f.look(programs.Pass{At: time.Now()}, 0)
		f.want("sampled too long", []any{crossed{f.ref, 120 * mib, true}})
	})
}
