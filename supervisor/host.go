package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/logs"
)

// host is the real edge: this machine's kernel. It keeps the live runs and the
// programs' cgroups, and decides nothing.
type host struct {
	post func(event any)
	tree *cgroup.Tree
	poll *poller
	logs *logs.Set

	killer     *killer
	auto       autoLogs
	stripANSI  bool // of all output that is logged
	syslog     hostSyslog
	streams    *logs.Streams // the output of the runs
	keep       *keep         // nil: nobody holds it open for us
	place      string        // names us among the supervisors of the host
	notifyPath string        // of the notify socket
	reserve    atomic.Int64  // of the host's memory, bytes
	near       atomic.Int64  // bytes available, below which a shortage is near
	seen       sample        // what was available when the sampler looked last
	born       atomic.Int64  // when a run was started last, since processStart; 0 never
	still      still         // the sampler need not look at the runs
	history    *historian    // nil: nothing is written down

	mu      sync.Mutex
	runs    map[ref]*process
	pids    map[int]*process
	groups  map[string]*group
	fcgis   map[string]*fcgi
	adopted []*process // and not watched yet

	starting   pending       // starts whose process is not in runs yet
	ends       pending       // of main processes, not told yet
	held       chan struct{} // closed when starts may go on; nil: they may
	released   pending       // releases under way
	reclaiming atomic.Bool
	checks     *checks
	alarm      alarm         // wakes the sampler
	births     chan struct{} // starts under way that may still be busy
}

// A start takes about a millisecond of a thread. More at once than birthsMost
// only make more threads, 48 KiB each; one that has not come to its end after
// birthBusy waits for something, and makes room.
const (
	birthsMost = 4
	birthBusy  = 50 * time.Millisecond
	// birthSpeaks is how long a datagram waits for its sender to be known.
	birthSpeaks = 500 * time.Millisecond
)

// releaseMost is how long the end of the supervisor waits for its cleaning up.
const releaseMost = 5 * time.Second

// group is a program's cgroup.
type group struct {
	*cgroup.Group
	lane lane
}

func newHost(c *conf.Config, tree *cgroup.Tree, poll *poller, t timer, set *logs.Set, streams *logs.Streams) *host {
	h := &host{
		tree:    tree,
		poll:    poll,
		logs:    set,
		streams: streams,
		place:   c.Supervisor.Place(),
		runs:    map[ref]*process{},
		pids:    map[int]*process{},
		groups:  map[string]*group{},
		fcgis:   map[string]*fcgi{},
		checks:  newChecks(),
		alarm:   alarm{timer: t},
		births:  make(chan struct{}, birthsMost),
	}
	h.reviseHost(c.Host)
	h.stripANSI = c.Supervisor.StripANSI
	h.syslog.post = func(e any) { h.post(e) } // which is set later
	return h
}

// reviseHost takes over what the configuration says of the host.
func (h *host) reviseHost(c conf.Host) {
	h.reserve.Store(int64(c.MemoryReserve))
	h.near.Store(shortageNear(c.Pressure))
}

// enforcedBy names who holds memory_max: the kernel, or the sampler.
func enforcedBy(m cgroup.Mode) string {
	if m == cgroup.Enforced {
		return "kernel"
	}
	return "sampling"
}

// get returns a live run, nil when it is gone.
func (h *host) get(r ref) *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs[r]
}

// all returns the live runs.
func (h *host) all() []*process {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*process, 0, len(h.runs))
	for _, p := range h.runs {
		out = append(out, p)
	}
	return out
}

func (h *host) spawn(r ref, p *conf.Program, in *conf.Instance) {
	b := &birth{host: h, ref: r, prog: p, inst: in}
	go func() {
		h.births <- struct{}{}
		h.enter()
		leave := sync.OnceFunc(func() { <-h.births })
		timer := time.AfterFunc(birthBusy, leave)
		b.run()
		timer.Stop()
		leave()
	}()
}

// enter waits while starts are held up, and counts one under way.
func (h *host) enter() {
	for {
		h.mu.Lock()
		held := h.held
		if held == nil {
			h.starting.add()
		}
		h.mu.Unlock()
		if held == nil {
			return
		}
		<-held
	}
}

// holdBirths keeps new starts from beginning until the returned function is called.
func (h *host) holdBirths() (release func()) {
	held := make(chan struct{})
	h.mu.Lock()
	h.held = held
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		h.held = nil
		h.mu.Unlock()
		close(held)
	}
}

// lanesRest waits until nothing is on its way to a run, and says whether it came to that.
func (h *host) lanesRest(most time.Duration) bool {
	for end := time.Now().Add(most); ; time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(h.all(), func(p *process) bool { return p.lane.busy() || p.speech.busy() }) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func (h *host) signal(r ref, sig syscall.Signal, all bool) {
	p := h.get(r)
	if p == nil {
		return
	}
	p.lane.do(func() {
		var err error
		if all {
			err = p.comp.Signal(sig)
		} else {
			err = p.child.Signal(sig)
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, cgroup.ErrGone) {
			h.post(trouble{r, fmt.Sprintf("cannot send signal %d", int(sig)), err})
		}
	})
}

// kill does not wait for what the run's lane is busy with: the end of a stop
// must not depend on a write that hangs.
func (h *host) kill(r ref) {
	p := h.get(r)
	if p == nil || !p.killing.CompareAndSwap(false, true) {
		return // it is gone, or the last one is still at it
	}
	h.killer.do(p)
}

func (h *host) lift(r ref) {
	if p := h.get(r); p != nil {
		p.lift()
	}
}

func (h *host) revise(r ref, p *conf.Program) (held []string) {
	if run := h.get(r); run != nil {
		return run.revise(p)
	}
	return nil
}

// say writes in the order it is asked to, and holds up nothing but the run's own words.
func (h *host) say(r ref, data []byte) {
	p := h.get(r)
	if p == nil {
		return
	}
	p.speech.do(func() {
		err := fs.ErrClosed
		if p.input != nil {
			err = p.input.send(context.Background(), data)
		}
		if err != nil && h.get(r) != nil {
			h.post(unheard{r, err})
		}
	})
}

func (h *host) release(r ref) {
	h.mu.Lock()
	p := h.runs[r]
	if p != nil {
		delete(h.runs, r)
		if h.pids[p.child.PID] == p {
			delete(h.pids, p.child.PID)
		}
	}
	h.mu.Unlock()
	if p != nil {
		h.released.add()
		p.lane.do(func() {
			defer h.released.done()
			p.release()
		})
	}
}

// group opens or creates a program's cgroup; nil where there are none.
func (h *host) group(name string) (*group, error) {
	if h.tree.Mode() == cgroup.None {
		return nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.groups[name]; g != nil {
		return g, nil
	}
	g, err := h.tree.Program(name)
	if err != nil {
		return nil, err
	}
	h.groups[name] = &group{Group: g}
	return h.groups[name], nil
}

func (h *host) limit(p *conf.Program) {
	g, err := h.group(p.Name)
	if err != nil {
		h.post(trouble{what: p.Name, err: err})
		return
	}
	if g == nil {
		return
	}
	total := limitsOf(p.Total)
	g.lane.do(func() {
		if err := g.Apply(total); err != nil {
			h.post(trouble{what: p.Name + ": cannot limit the total", err: err})
		}
	})
}

func (h *host) forget(name string) {
	h.mu.Lock()
	g := h.groups[name]
	delete(h.groups, name)
	h.mu.Unlock()
	if g == nil {
		return
	}
	h.released.add()
	g.lane.do(func() {
		defer h.released.done()
		if err := removeBusy(g.Group); err != nil {
			h.post(trouble{what: name + ": cannot remove the cgroup", err: err})
		}
		g.Close()
	})
}

func (h *host) room(p *conf.Program, beside ref) programs.Room {
	return readRoom(h, p, beside)
}

// settle waits until the lanes have removed what ended last, then removes the
// programs' cgroups. It does not wait for a disk that is stuck.
func (h *host) settle() {
	h.released.wait(releaseMost)
	h.syslog.close()
	h.mu.Lock()
	names := make([]string, 0, len(h.groups))
	for name := range h.groups {
		names = append(names, name)
	}
	h.mu.Unlock()
	for _, name := range names {
		h.forget(name)
	}
	h.released.wait(releaseMost)
}

// abandon removes the programs' cgroups, as far as they are empty, of a
// supervisor that never ran.
func (h *host) abandon() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		_ = g.Remove() // what still lives in it is told by Retire
		g.Close()
	}
	clear(h.groups)
}
