package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// fakeEdge is an outside made of time alone. What it was asked is written down
// in order; runs do by themselves what their script says.
type fakeEdge struct {
	mu       sync.Mutex
	post     func(any)
	asked    []string
	live     map[ref]*conf.Program
	headless map[ref]bool                // the main process is gone, others are not
	boot     time.Duration               // from a spawn to its answer
	finish   time.Duration               // from the stop signal to the exit
	script   func(r ref, post func(any)) // what a run does once it is up
	refuse   func(r ref) error           // a spawn that fails
	deaf     atomic.Bool                 // kills do not help
	free     programs.Room               // what room answers
	holds    holding                     // what each of its runs does, 0 not known
	host     atomic.Value                // hostReading
	held     []string                    // what revise answers
	well     func(r ref) error           // what a check finds
	asking   time.Duration               // how long one takes
	shown    signs                       // what signs answers
	past     []found                     // what an earlier supervisor has left
	counted  map[uint64]uint64           // jobs in the output of its runs
	most     map[string]int              // most live runs at once, by program
}

func newFakeEdge() *fakeEdge {
	f := &fakeEdge{live: map[ref]*conf.Program{}, headless: map[ref]bool{}, most: map[string]int{}, boot: time.Millisecond, finish: time.Millisecond,
		free: programs.Room{HostFree: 1 << 40, ProgramFree: -1}}
	f.host.Store(hostReading{available: 1 << 40})
	return f
}

func (f *fakeEdge) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
}

// log returns what was asked and forgets it.
func (f *fakeEdge) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	return out
}

// hostReading is what host holds; all tasks have always waited as much as they do.
func (f *fakeEdge) hostReading() hostReading {
	r := f.host.Load().(hostReading)
	r.waited = time.Duration(r.full / 100 * float64(time.Since(time.Time{}.AddDate(1999, 0, 0))))
	return r
}

// holding is a run that holds so many bytes.
type holding int64

func (h holding) reading() reading { return reading{measure: int64(h)} }

func (f *fakeEdge) spawn(r ref, p *conf.Program, in *conf.Instance) {
	f.note("spawn %s/%d", in.Name, r.n)
	prog := *p
	time.AfterFunc(f.boot, func() {
		if f.refuse != nil {
			if err := f.refuse(r); err != nil {
				f.post(spawnFailed{r, err})
				return
			}
		}
		f.mu.Lock()
		f.live[r] = &prog
		n := 0
		for _, q := range f.live {
			if q.Name == prog.Name {
				n++
			}
		}
		f.most[prog.Name] = max(f.most[prog.Name], n)
		f.mu.Unlock()
		birth := spawned{ref: r, pid: 1000 + int(r.n), known: runRecord{Watchdog: prog.Health.Watchdog}}
		if f.holds > 0 {
			birth.live = f.holds
		}
		f.post(birth)
		if f.script != nil {
			f.script(r, f.post)
		}
	})
}

// exit ends a run's main process.
func (f *fakeEdge) exit(r ref, x programs.Exit, left bool) {
	f.mu.Lock()
	_, ok := f.live[r]
	if !left {
		delete(f.live, r)
	}
	f.mu.Unlock()
	if ok {
		f.post(exited{ref: r, exit: x, left: left})
		f.mu.Lock()
		f.headless[r] = left
		f.mu.Unlock()
	}
}

func (f *fakeEdge) signal(r ref, sig syscall.Signal, all bool) {
	f.note("signal %s/%d %v", r.in.conf.Name, r.n, sig)
	if sig == syscall.SIGTERM && f.finish >= 0 {
		time.AfterFunc(f.finish, func() { f.exit(r, programs.Exit{}, false) })
	}
}

func (f *fakeEdge) kill(r ref) {
	f.note("kill %s/%d", r.in.conf.Name, r.n)
	if f.deaf.Load() {
		return
	}
	time.AfterFunc(time.Millisecond, func() {
		f.mu.Lock()
		headless := f.headless[r]
		f.mu.Unlock()
		if headless {
			f.post(emptied{r})
			return
		}
		f.exit(r, programs.Exit{Code: -1, Signal: 9}, false)
	})
}

func (f *fakeEdge) lift(r ref)    { f.note("lift %s/%d", r.in.conf.Name, r.n) }
func (f *fakeEdge) release(r ref) { f.note("release %s/%d", r.in.conf.Name, r.n) }
func (f *fakeEdge) revise(r ref, p *conf.Program) []string {
	f.note("revise %s/%d", r.in.conf.Name, r.n)
	return f.held
}
func (f *fakeEdge) check(r ref, p *conf.Program, in *conf.Instance) {
	f.note("check %s/%d", in.Name, r.n)
	f.mu.Lock()
	asking := f.asking
	f.mu.Unlock()
	time.AfterFunc(asking, func() {
		e := checked{ref: r}
		if f.well != nil {
			if e.err = f.well(r); e.err != nil {
				e.what = "http " + in.Checks.HTTP
			}
		}
		f.post(e)
	})
}

func (f *fakeEdge) signs(r ref) signs {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown
}

func (f *fakeEdge) say(r ref, data []byte) {
	f.note("say %s/%d %s", r.in.conf.Name, r.n, data)
}
func (f *fakeEdge) limit(p *conf.Program)                 {}
func (f *fakeEdge) forget(program string)                 { f.note("forget %s", program) }
func (f *fakeEdge) room(*conf.Program, ref) programs.Room { return f.free }
func (f *fakeEdge) reviseHost(conf.Host)                  { f.note("revise host") }
func (f *fakeEdge) reclaim()                              { f.note("reclaim") }
func (f *fakeEdge) find() ([]found, error)                { return f.past, nil }
func (f *fakeEdge) watch()                                { f.note("watch") }
func (f *fakeEdge) stray(x found, stop bool)              { f.note("stray %s/%d stop=%v", x.instance, x.run, stop) }

// adopt takes over a run; its main process lives unless f is empty.
func (f *fakeEdge) adopt(r ref, p *conf.Program, in *conf.Instance, x found, known runRecord) adoption {
	f.note("adopt %s/%d", in.Name, r.n)
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.alive {
		prog := *p
		f.live[r] = &prog
	} else {
		go f.post(exited{ref: r, exit: programs.Exit{Code: -1, Unknown: true}})
	}
	return adoption{pid: known.PID, known: known, born: time.Second, jobs: f.counted[r.n]}
}

func (f *fakeEdge) only(prefix string, log []string) (out []string) {
	for _, l := range log {
		if strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	return out
}

// world is a loop with a fake outside, in a bubble of fake time.
type world struct {
	t    *testing.T
	ctx  context.Context
	edge *fakeEdge
	loop *loop
	d    *daemon
	told []string // to systemd
}

func (w *world) statuses() []control.Status {
	all, _ := w.d.Status(w.ctx, nil)
	return all
}

// within runs story in a bubble; the loop is shut down at its end.
func within(t *testing.T, c *conf.Config, prepare func(*fakeEdge), story func(w *world)) {
	t.Helper()
	withinPast(t, c, nil, prepare, story)
}

// withinPast is within for a supervisor that takes over; prepareLoop may be nil.
func withinPast(t *testing.T, c *conf.Config, prepareLoop func(*loop), prepare func(*fakeEdge), story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := newFakeEdge()
		if prepare != nil {
			prepare(e)
		}
		j := newJournal()
		l := newLoop(c, e, zap.NewNop(), j)
		l.draw = func() float64 { return 0 }
		e.post = l.post
		w := &world{t: t, edge: e, loop: l, d: &daemon{loop: l, journal: j}}
		l.systemd = func(state string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			w.told = append(w.told, state)
		}
		if prepareLoop != nil {
			prepareLoop(l)
		}
		l.define()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.ctx = ctx
		go l.run(ctx)
		story(w)
		e.finish = 0
		l.post(endRequest{})
		l.post(endRequest{})
		<-l.done
	})
}

// toldSystemd returns what systemd was told, and forgets it.
func (w *world) toldSystemd() []string {
	w.edge.mu.Lock()
	defer w.edge.mu.Unlock()
	out := w.told
	w.told = nil
	return out
}

// after lets time pass, and everything that follows from it happen.
func (w *world) after(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

func (w *world) status(name string) *view {
	snap, _ := w.loop.publish.get()
	v := snap.get(name)
	if v == nil {
		w.t.Fatalf("no instance %q", name)
	}
	return v
}

func (w *world) state(name string) string { return w.status(name).State }

// ref names the current run of an instance. Reading the loop's own is safe
// while everything in the bubble waits.
func (w *world) ref(name string) ref {
	in := w.loop.instances[name]
	return ref{in, in.state.Cur.N}
}

func (w *world) do(o control.Order) []control.Outcome {
	w.t.Helper()
	out, err := w.d.Do(w.ctx, o)
	if err != nil {
		w.t.Fatalf("%s: %v", o.Verb, err)
	}
	synctest.Wait()
	return out
}

func worker(name string, n int, change func(*conf.Program)) *conf.Config {
	p := conf.Program{
		Name: name, GroupName: name, Preset: "laravel", Priority: 999, AutoStart: true, AutoRestart: conf.RestartAlways,
		StartSecs: time.Second, StartRetries: -1, ExitCodes: []int{0, 12}, RecycleCodes: []int{0, 12}, SelfKill: true,
		StopSignal: syscall.SIGTERM, StopWait: 10 * time.Second, LeftoverWait: 2 * time.Second, JobFormat: "laravel",
		Limits:  conf.Limits{MemoryHigh: conf.Unlimited, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited},
		Total:   conf.Limits{MemoryHigh: conf.Unlimited, MemoryMax: conf.Unlimited, MemorySwapMax: conf.Unlimited},
		Recycle: conf.Recycle{Parallel: 1, MinLifetime: 10 * time.Second},
	}
	for i := range n {
		inst := conf.Instance{Name: name, Group: name, Num: i, Argv: []string{"true"}}
		if n > 1 {
			inst.Name = fmt.Sprintf("%s_%02d", name, i)
		}
		p.Instances = append(p.Instances, inst)
	}
	if change != nil {
		change(&p)
	}
	return &conf.Config{Programs: []conf.Program{p}}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
