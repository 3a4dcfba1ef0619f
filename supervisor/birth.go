package supervisor

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs/jobs"
	"bulkhead/supervisor/spawn"
)

// birthMost bounds a start, from the fork to the command's exec. A child that
// cannot get there (a frozen cgroup, a dead file server) is killed.
const birthMost = 30 * time.Second

// birth is one start under way, on a goroutine of its own. It either becomes a
// process or leaves nothing behind.
type birth struct {
	host *host
	ref
	prog *conf.Program
	inst *conf.Instance

	undo []func()
	outs [2]int // what the child writes to
	in   int    // what it reads from, 0 /dev/null
}

func (b *birth) run() {
	p, err := b.attempt()
	if err != nil {
		b.host.starting.done()
		for i := len(b.undo) - 1; i >= 0; i-- {
			b.undo[i]()
		}
		b.host.post(spawnFailed{b.ref, err})
		return
	}
	b.host.mu.Lock()
	b.host.runs[b.ref] = p
	b.host.pids[p.child.PID] = p
	b.host.mu.Unlock()
	b.host.bore(time.Now())
	b.host.starting.done()
	known := runRecord{Ticks: p.ticks, Cgroup: p.comp.ID(), Instance: p.name.instance, Before: p.before, Watchdog: b.watchdog()}
	b.host.post(spawned{b.ref, p.child.PID, p, known, p.child.Warnings})
	p.watch()
}

func (b *birth) attempt() (*process, error) {
	p := &process{host: b.host, ref: b.ref, inst: b.inst, name: runName{b.prog.Name, b.inst.Name, b.n}}
	b.undo = append(b.undo, p.closeStreams)
	p.prog.Store(b.prog)
	p.scores.begin(b.prog.Process.OOMScoreAdj)
	if err := b.compartment(p); err != nil {
		return nil, err
	}
	p.counter = newCounter(b.prog)
	if err := b.streams(p); err != nil {
		return nil, err
	}
	if err := b.input(p); err != nil {
		return nil, err
	}
	env, err := b.environment()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), birthMost)
	defer cancel()
	p.child, err = spawn.Start(ctx, spawn.Spec{
		Argv:        b.inst.Argv,
		Env:         env,
		Dir:         b.inst.Directory,
		Cred:        credentialOf(b.prog.User),
		Umask:       b.prog.Umask,
		Nice:        b.prog.Process.Nice,
		NiceSet:     b.prog.Process.Nice != 0,
		OOMScoreAdj: b.prog.Process.OOMScoreAdj,
		Rlimits:     rlimitsOf(b.prog.Process.Rlimits),
		Stdin:       b.in,
		Stdout:      b.outs[0],
		Stderr:      b.outs[1],
		CgroupFD:    p.comp.FD(),
	})
	b.closeOuts()
	if err != nil {
		return nil, err
	}
	if s, ok := p.comp.(*cgroup.Session); ok {
		s.SetMain(p.child.PID)
	}
	p.ticks, _ = spawn.StartTime(p.child.PID) // not waited for yet, so it is there
	return p, nil
}

// compartment makes what holds the run: a fresh cgroup with its limits, or the
// stand-in for one.
func (b *birth) compartment(p *process) error {
	g, err := b.host.group(b.prog.Name)
	if err != nil {
		return err
	}
	if g == nil {
		p.comp = cgroup.NewSession()
		return nil
	}
	run, err := g.NewRun(b.inst.Name, b.n, runLimits(b.prog))
	if err != nil {
		return err
	}
	p.comp, p.group = run, g
	p.wire = wireOf(b.prog)
	p.wire.At = p.wire.Arm()
	p.before, _ = g.Counts() // zeros make every later count a difference
	b.undo = append(b.undo, func() {
		removeBusy(run)
		run.Close()
	})
	return nil
}

// streams opens the logs and makes the pipes.
func (b *birth) streams(p *process) error {
	b.outs = [2]int{-1, -1}
	b.undo = append(b.undo, b.closeOuts)
	if err := b.stream(p, 0); err != nil {
		return err
	}
	if b.inst.RedirectStderr {
		var err error
		b.outs[1], err = unix.FcntlInt(uintptr(b.outs[0]), unix.F_DUPFD_CLOEXEC, 3)
		return err
	}
	return b.stream(p, 1)
}

func (b *birth) stream(p *process, n int) error {
	channel := [2]string{"stdout", "stderr"}[n]
	sink, err := b.host.sink(b.host.auto.target(b.inst, channel))
	if err != nil {
		return err
	}
	st, w, err := b.host.streams.Make(streamID(p.name, channel))
	if err != nil {
		if sink != nil {
			sink.Close()
		}
		return err
	}
	b.outs[n] = w
	p.stream(st, p.outlet(channel, sink, p.jobTap(channel)))
	b.host.hold(st)
	return nil
}

// input makes what the child reads from.
func (b *birth) input(p *process) (err error) {
	switch {
	case b.prog.Fcgi != nil:
		p.fcgi, err = b.host.fcgiSocket(b.prog.Name, b.prog.Fcgi)
		if err != nil {
			return err
		}
		b.in = p.fcgi.fd()
		b.undo = append(b.undo, func() { b.host.fcgiDrop(p.fcgi) })
	case b.prog.Stdin:
		p.input, b.in, err = makeInlet(inletPath(b.host.streams.Dir(), p.name))
		if err != nil {
			b.in = 0
			return err
		}
		b.undo = append(b.undo, func() { _ = p.input.remove() })
	}
	return nil
}

func (b *birth) closeOuts() {
	if b.in > 0 && b.prog.Fcgi == nil {
		unix.Close(b.in)
		b.in = 0
	}
	for i, fd := range b.outs {
		if fd >= 0 {
			unix.Close(fd)
			b.outs[i] = -1
		}
	}
}

// environment puts together what the child sees; env_file is read anew.
func (b *birth) environment() ([]string, error) {
	parts := []map[string]string{}
	if u := b.prog.User; u != nil {
		parts = append(parts, spawn.UserEnv(u.Name, u.Home))
	}
	if b.prog.EnvFile != "" {
		lookup := spawn.Lookup(os.Environ())
		vars, err := spawn.ReadEnvFile(b.prog.EnvFile, lookup)
		if err != nil {
			return nil, err
		}
		parts = append(parts, vars)
	}
	parts = append(parts, spawn.InstanceEnv(b.inst.Name, b.inst.Group))
	if b.prog.ServerURL != "" {
		parts = append(parts, map[string]string{"SUPERVISOR_SERVER_URL": b.prog.ServerURL})
	}
	if b.host.tree.Mode() == cgroup.None {
		parts = append(parts, map[string]string{markName: mark(b.host.place, runName{b.prog.Name, b.inst.Name, b.n})})
	}
	if b.prog.Notify && b.host.notifyPath != "" {
		parts = append(parts, map[string]string{"NOTIFY_SOCKET": b.host.notifyPath})
		if most := b.watchdog(); most > 0 { // as systemd tells it: sd_watchdog_enabled(3)
			parts = append(parts, map[string]string{"WATCHDOG_USEC": strconv.FormatInt(most.Microseconds(), 10)})
		}
	}
	return spawn.Environ(ownEnviron(), append(parts, b.inst.Environment)...), nil
}

// watchdog is how often the run is told to say WATCHDOG=1 at least, 0 not at all.
func (b *birth) watchdog() time.Duration {
	if !b.prog.Notify || b.host.notifyPath == "" {
		return 0
	}
	return b.prog.Health.Watchdog
}

// ownEnviron is our environment without what is said to us alone.
func ownEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(private, name)
	})
}

var private = []string{
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
	"BULKHEAD_RUN", "BULKHEAD_HANDOVER", "INVOCATION_ID", "JOURNAL_STREAM", "MEMORY_PRESSURE_WATCH",
	"MEMORY_PRESSURE_WRITE",
}

func newCounter(p *conf.Program) *jobs.Counter {
	if !countsJobs(p) {
		return nil
	}
	var pattern *regexp.Regexp
	if p.JobPattern != "" {
		pattern = regexp.MustCompile(p.JobPattern) // conf has compiled it before
	}
	return jobs.New(jobs.Format(p.JobFormat), pattern)
}
