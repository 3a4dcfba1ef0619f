package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/spawn"
)

// adopt makes a process of a run that an earlier supervisor has started, as
// birth does of one that is new. What cannot be had of it is told and gone without.
func (h *host) adopt(r ref, prog *conf.Program, inst *conf.Instance, f found, known runRecord) adoption {
	p := &process{host: h, ref: r, inst: inst, name: runName{prog.Name, inst.Name, r.n}, before: known.Before}
	if known.Instance != "" {
		p.name.instance = known.Instance
	}
	if f.run != 0 {
		p.name = runName{f.program, f.instance, f.run}
	}
	p.prog.Store(prog)
	p.scores.begin(prog.Process.OOMScoreAdj)
	p.counter = newCounter(prog)
	h.reopen(p, f)
	h.adoptMain(p, known, f)
	a := adoption{live: p, pid: p.child.PID, known: known}
	a.known.PID, a.known.Cgroup, a.known.Instance, a.known.Before = p.child.PID, p.comp.ID(), p.name.instance, p.before
	a.known.Ticks = p.ticks
	a.born = time.Duration(p.ticks) * (time.Second / clockTicks)
	if s, ok := p.comp.(*cgroup.Session); ok {
		s.Adopt(p.child.PID, p.ticks)
		s.Add(f.trace.pids)
	}
	a.jobs = h.reconnect(p)
	h.regainInput(p, prog)
	h.mu.Lock()
	h.runs[r] = p
	h.still.disturb()
	h.pids[p.child.PID] = p
	h.adopted = append(h.adopted, p)
	h.mu.Unlock()
	return a
}

// regainInput takes hold of what the run reads from. Under changed rules it may have
// been born with another standard input; then there is nothing by that name.
func (h *host) regainInput(p *process, rules *conf.Program) {
	switch {
	case rules.Fcgi != nil && p.child.PidFD >= 0:
		if err := h.fcgiAdopt(p, rules.Fcgi); err != nil {
			h.post(trouble{p.ref, "taken over without", err})
		}
	case rules.Stdin:
		p.input = newInlet(inletPath(h.streams.Dir(), p.name))
	}
}

// clockTicks is what /proc counts start times in: USER_HZ, 100 on every Linux.
const clockTicks = 100

// reopen takes hold of the run's cgroup.
func (h *host) reopen(p *process, f found) {
	p.comp = cgroup.NewSession()
	if f.trace.entry.Path == "" {
		return
	}
	run, err := h.tree.OpenEntry(f.trace.entry)
	if err != nil {
		h.post(trouble{p.ref, "cannot take over the cgroup", err})
		return
	}
	p.comp = run
	if g, err := h.group(f.program); err != nil {
		h.post(trouble{p.ref, "cannot take over the program's cgroup", err})
	} else {
		p.group = g
		if (p.before == cgroup.Counts{}) {
			p.before, _ = g.Counts() // zeros make every later count a difference
		}
	}
	p.wire = wireOf(p.prog.Load())
	p.wire.At = run.High()
}

// members are the run's processes.
func (h *host) members(p *process, f found) []int {
	run, ok := p.comp.(*cgroup.Group)
	if !ok {
		return f.trace.pids
	}
	pids, err := run.Procs()
	if err != nil && !errors.Is(err, cgroup.ErrGone) {
		h.post(trouble{p.ref, "cannot list the processes", err})
	}
	return pids
}

// adoptMain finds the main process: the remembered one, else the leader of the
// session that every run is started in. It may have ended.
func (h *host) adoptMain(p *process, known runRecord, f found) {
	main, born := known.PID, known.Ticks
	if born == 0 { // nobody remembers it, or could not read when it was started
		main, born = p.mainOf(h.members(p, f), known.PID)
	}
	if born == 0 {
		p.child = spawn.Gone(known.PID)
		return
	}
	p.child, p.ticks = h.adoptPID(p, main, born), born
}

// mainOf is the main process among those of the run, with its start time; zeros
// when there is none.
func (p *process) mainOf(pids []int, remembered int) (main int, born uint64) {
	for _, pid := range pids {
		if remembered != 0 && pid != remembered {
			continue
		}
		if sid, err := unix.Getsid(pid); err != nil || remembered == 0 && sid != pid {
			continue
		}
		var ticks uint64
		err := p.patiently("find out when its main process was started", func() (err error) {
			ticks, err = spawn.StartTime(pid)
			return err
		})
		if err == nil && (main == 0 || ticks < born) { // a check leads a session too, and is younger
			main, born = pid, ticks
		}
	}
	return main, born
}

// adoptMost is how long is tried to find out whether a process is there: with
// descriptors or memory short nobody knows, and one that is taken for gone
// would be started a second time.
const adoptMost = 2 * time.Second

// patiently tries again what fails for want of descriptors or memory: a run
// that is not taken over whole is not taken over a second time.
func (p *process) patiently(what string, try func() error) error {
	told := false
	for end := time.Now().Add(adoptMost); ; time.Sleep(lookAgain) {
		err := try()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrProcessDone) || time.Now().After(end) {
			return err
		}
		if !told {
			told = true
			p.host.post(trouble{p.ref, "cannot " + what + ", trying again", err})
		}
	}
}

func (h *host) adoptPID(p *process, pid int, ticks uint64) *spawn.Child {
	var c *spawn.Child
	err := p.patiently("find out whether its main process is there", func() (err error) {
		c, err = spawn.Adopt(pid, ticks)
		return err
	})
	switch {
	case err == nil:
		for _, w := range c.Warnings {
			h.post(trouble{p.ref, "taken over without", w})
		}
		return c
	case !errors.Is(err, os.ErrProcessDone):
		h.post(trouble{p.ref, "cannot find out whether its main process is there, it is taken for ended", err})
	}
	return spawn.Gone(pid)
}

// reconnect goes on reading the run's output, and returns the jobs that were
// counted in it so far.
func (h *host) reconnect(p *process) (jobs uint64) {
	for _, channel := range []string{"stdout", "stderr"} {
		var st *logs.Stream
		var sink *logs.Sink
		err := p.patiently("go on reading its "+channel, func() (err error) {
			st, err = h.streams.Reopen(streamID(p.name, channel))
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue // redirected, or never made
		}
		if err != nil {
			h.post(trouble{p.ref, "cannot go on reading its " + channel, err})
			continue
		}
		err = p.patiently("open its log", func() (err error) {
			sink, err = h.sink(h.auto.target(p.inst, channel))
			return err
		})
		if err != nil {
			h.post(trouble{p.ref, "cannot open its log", err})
			sink = h.logs.OpenLater(logTarget(h.auto.target(p.inst, channel)))
		}
		if channel == "stdout" && p.counter != nil {
			jobs = st.Count()
			if err := p.counter.Restore(st.TapState()); err != nil {
				h.post(trouble{p.ref, "cannot go on counting where the count was", err})
			}
			p.output = jobs
		}
		p.stream(st, p.outlet(channel, sink, p.jobTap(channel)))
	}
	return jobs
}

// sink opens a log, nil for output that is thrown away.
func (h *host) sink(t conf.LogTarget) (*logs.Sink, error) {
	if t.Path == "" {
		return nil, nil
	}
	return h.logs.Open(logTarget(t))
}

func logTarget(t conf.LogTarget) logs.Target {
	return logs.Target{Path: t.Path, MaxBytes: int64(t.MaxBytes), Backups: t.Backups}
}

// stream begins to read a stream of the run.
func (p *process) stream(st *logs.Stream, out logs.Outlet) {
	p.streams = append(p.streams, st)
	if out.Sink != nil {
		p.sinks = append(p.sinks, out.Sink)
	}
	pump, err := st.StartTo(out)
	if err != nil {
		p.host.post(trouble{p.ref, "cannot read its output", err})
		return
	}
	p.pumps = append(p.pumps, pump)
}

// keepStreams has the run's output kept.
func (p *process) keepStreams() {
	for _, st := range p.streams {
		p.host.hold(st)
	}
}

// hold has the keeper keep a stream's FIFO, should we and the run both end.
func (h *host) hold(st *logs.Stream) {
	fd, err := st.Keep()
	if err == nil {
		err = h.keep.hold(filepath.Base(st.Path()), fd)
		unix.Close(fd)
	}
	if err != nil {
		h.post(trouble{what: "the last lines of a run would be lost with the supervisor", err: err})
	}
}

// watch begins to look after the runs that were adopted.
func (h *host) watch() {
	h.mu.Lock()
	all := h.adopted
	h.adopted = nil
	h.mu.Unlock()
	h.ends.add()
	go func() { // a full queue of the loop must not hold up the loop
		defer h.ends.done()
		for _, p := range all {
			p.keepStreams()  // the keeper holds them, but for one that had to be replaced
			if !p.reaped() { // else it has ended meanwhile, which is known before anybody is answered
				p.watch()
			}
		}
	}()
}

// strayWait is what a run that is in no configuration and no memory has to end.
const strayWait = 10 * time.Second

func (h *host) stray(f found, stop bool) {
	if f.alive && !stop {
		h.drainUnread(f)
		return
	}
	h.released.add()
	go func() {
		defer h.released.done()
		p := &process{host: h, name: runName{f.program, f.instance, f.run}}
		p.prog.Store(&conf.Program{Name: f.program})
		h.reopen(p, f)
		if s, ok := p.comp.(*cgroup.Session); ok {
			s.Add(f.trace.pids)
		}
		if f.alive {
			h.endStray(p)
		}
		h.salvage(f)
		_ = os.Remove(inletPath(h.streams.Dir(), p.name)) // most have none
		p.removeCompartment()
	}()
}

func (h *host) endStray(p *process) {
	if err := p.comp.Signal(syscall.SIGTERM); err != nil {
		h.post(trouble{what: "cannot stop " + p.name.instance, err: err})
	}
	for end := time.Now().Add(strayWait); p.left() && time.Now().Before(end); time.Sleep(lookAgain) {
	}
	if p.left() {
		if err := p.comp.Kill(); err != nil {
			h.post(trouble{what: "cannot kill " + p.name.instance, err: err})
		}
	}
}

// salvage writes what a dead run's FIFOs still hold to where its instance logs.
func (h *host) salvage(f found) {
	for _, channel := range f.trace.channels {
		st, pump, sink := h.read(f, channel)
		if pump != nil {
			pump.Drain(drainMost)
			pump.Close()
			<-pump.Done()
		}
		if sink != nil {
			sink.Close()
		}
		if st != nil {
			h.removeStream(st)
		}
	}
}

// drainUnread reads for a run that is left alone, so that it does not block.
func (h *host) drainUnread(f found) {
	for _, channel := range f.trace.channels {
		h.read(f, channel)
	}
}

// read begins to read a stream of a run that is nobody's.
func (h *host) read(f found, channel string) (*logs.Stream, *logs.Pump, *logs.Sink) {
	name := runName{f.program, f.instance, f.run}
	st, err := h.streams.Reopen(streamID(name, channel))
	if err != nil {
		h.post(trouble{what: "cannot save the last output of " + f.instance, err: err})
		return nil, nil, nil
	}
	var sink *logs.Sink
	if f.inst != nil {
		if sink, err = h.sink(h.auto.target(f.inst, channel)); err != nil {
			h.post(trouble{what: "cannot save the last output of " + f.instance, err: err})
		}
	}
	out := logs.Outlet{Sink: sink}
	if h.stripANSI {
		out.Filter = &logs.Filter{StripANSI: true}
	}
	pump, err := st.StartTo(out)
	if err != nil {
		h.post(trouble{what: "cannot save the last output of " + f.instance, err: err})
	}
	return st, pump, sink
}

// removeStream gives up what is kept of a stream that was read to its end.
func (h *host) removeStream(st *logs.Stream) {
	h.keep.drop(filepath.Base(st.Path()))
	if err := st.Remove(); err != nil {
		h.post(trouble{what: "cannot remove an output pipe", err: err})
	}
}
