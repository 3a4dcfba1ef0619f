package supervisor

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/programs/jobs"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/spawn"
)

// compartment is what holds a run's processes: a cgroup, or its stand-in.
type compartment interface {
	FD() int
	Path() string
	ID() uint64
	Read() (cgroup.Reading, error)
	Charged(swapped bool) (current, swap int64, err error)
	Counts() (cgroup.Counts, error)
	EventsFD() (int, error)
	PressureTrigger(full bool, stall, window time.Duration) (int, error)
	SetHigh(bytes int64) error
	ReclaimCache() error
	Apply(l cgroup.Limits) error
	Procs() ([]int, error)
	Recent() ([]int, error)
	Populated() (bool, error)
	PopulatedFD() (int, error)
	Signal(sig syscall.Signal) error
	Strike() bool
	Kill() error
	Remove() error
	Close()
}

// process is one live run at the real edge: its compartment, its main process,
// its streams, and what is watched of them.
type process struct {
	host *host
	ref
	prog atomic.Pointer[conf.Program] // replaced by revise
	inst *conf.Instance

	comp    compartment
	group   *group        // the program's cgroup, nil where there are none
	before  cgroup.Counts // of group, when the run was born
	child   *spawn.Child
	ticks   uint64  // when child was started
	name    runName // by which it is found again
	streams []*logs.Stream
	pumps   []*logs.Pump
	sinks   []*logs.Sink
	input   *inlet // nil: /dev/null, or a socket
	fcgi    *fcgi  // nil: none
	lane    lane
	speech  lane         // what is said to it
	killing atomic.Bool  // a kill is under way
	next    *process     // that is to be killed, of the killer's
	asked   question     // whether it is well
	scores  scores       // what its processes are held to
	charge  atomic.Int64 // to its cgroup, bytes, as the sampler has read it last
	petted  atomic.Int64 // when it last said WATCHDOG=1, since processStart; 0 never

	// Where the kernel does not count:
	latest    atomic.Pointer[cgroup.Reading] // see measured
	looked    programs.Looked                // by the sampler, whose alone it is
	relook    atomic.Bool                    // the lines are others than then
	ran       time.Duration                  // what all runs had, when the sampler looked, or restless
	confirmed atomic.Int64                   // when latest held still, since processStart

	mu       sync.Mutex
	counter  *jobs.Counter // nil when jobs are not counted
	jobs     int           // finished, however it was told
	output   uint64        // finished, by the output, since the run's birth
	wire     programs.Wire
	tripped  bool          // told, or lifted: the wire is of no more use
	watched  bool          // EventsFD is
	deaf     bool          // it could not be
	seen     cgroup.Counts // of comp, at the last event
	wedge    programs.Wedge
	pressure int // descriptor of the trigger, 0 none
	grown    sample
	most     int64       // bytes, the highest measure that was told
	burst    time.Time   // since when it is over the line and let be, zero: it is not
	lasting  *time.Timer // looks at the end of a burst, nil where none is
}

const (
	// drainMost is how long the end of a run waits for its output to be written.
	// Behind a stuck disk the rest follows later; the replacement does not wait.
	drainMost = 200 * time.Millisecond
	// lastBreath is how long before a worker's end a job that failed was its last deed.
	lastBreath = time.Second
	// emptyMost is how long a cgroup may take to be empty after its last process.
	emptyMost = 4 * time.Millisecond
	// toldMost is how long the kernel may take to know the status of a process
	// that is not our child: until its new parent has taken it.
	toldMost = 20 * time.Millisecond
	// lookAgain is how often is looked where the kernel does not tell.
	lookAgain = 50 * time.Millisecond
)

// watch begins to look after the run. Spawned must have been posted.
func (p *process) watch() {
	p.watchMemory()
	if p.child.PidFD >= 0 && p.host.poll.add(p.child.PidFD, unix.EPOLLIN, p.reap) == nil {
		return
	}
	go func() { // no pidfd before Linux 5.4
		for !p.reaped() {
			time.Sleep(lookAgain)
		}
	}()
}

func (p *process) reap() { p.reaped() }

// reaped takes the status of the main process, if it has ended.
func (p *process) reaped() bool {
	p.host.ends.add()
	status, ended, err := p.child.TryWait()
	if err != nil {
		p.host.post(trouble{p.ref, "cannot wait for the main process", err})
		ended, status = true, spawn.Status{Code: -1}
	}
	if ended {
		p.host.poll.remove(p.child.PidFD)
		go func() {
			defer p.host.ends.done()
			p.ended(status)
		}()
	} else {
		p.host.ends.done()
	}
	return ended
}

// ended tells of the main process' end, after its output has been read: the
// jobs counted in it belong to the run.
func (p *process) ended(status spawn.Status) {
	for _, pump := range p.pumps {
		pump.Drain(drainMost)
	}
	if status.Unknown {
		if told, ok := p.child.Told(toldMost); ok {
			status = told
		}
	}
	e := exited{ref: p.ref, exit: programs.Exit{Code: status.Code, Signal: int(status.Signal), Core: status.Core, Unknown: status.Unknown, OOM: p.oom()}}
	if r, err := p.comp.Read(); err == nil {
		e.last.peak = r.Peak
		p.learnLate(r.Peak, r.Cache+r.SlabReclaimable)
	}
	p.lastJob(&e.last, status.Signal == syscall.SIGKILL)
	p.asked.stop()
	e.left = p.stillLeft()
	p.host.post(e)
	if e.left {
		p.watchEmpty()
	}
}

// oom says whose limit an OOM kill answered, if there was one. The counter is
// raised before the exit can be seen.
func (p *process) oom() programs.OOM {
	c, err := p.comp.Counts()
	if err != nil || c.OOMKill == 0 && c.OOMGroupKill == 0 {
		return programs.NoOOM
	}
	if c.OOM > 0 {
		return programs.OwnOOM
	}
	if p.group != nil {
		if total, err := p.group.Counts(); err == nil && total.OOM > p.before.OOM {
			return programs.ProgramOOM
		}
	}
	return programs.HostOOM
}

// lastJob tells which job was in hand at the end, and for how long. A worker that
// kills itself over a job's timeout may have told of the failure before.
func (p *process) lastJob(w *words, killed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counter == nil {
		return
	}
	now := time.Now()
	if done := p.counter.Finish(now); done.Finished > 0 {
		p.jobs += done.Finished
		p.output += uint64(done.Finished)
		p.host.post(jobsDone{p.ref, done.Finished, p.output})
	}
	job := p.counter.Current()
	switch {
	case job.Busy:
		w.job, w.jobFor = job.Job, now.Sub(job.Since)
	case killed && job.Failed && now.Sub(job.LastEnd) < lastBreath:
		w.job, w.jobFor = job.LastJob, job.LastEnd.Sub(job.LastSince)
	}
}

// left reports whether a process of the run lives. That it could not be looked
// is no proof that none does: the next run would start beside it.
func (p *process) left() bool {
	populated, err := p.comp.Populated()
	return populated || err != nil && !errors.Is(err, cgroup.ErrGone)
}

// stillLeft is left, with a moment's patience: since Linux 6.18 or so a cgroup
// counts as populated until a little after the exit of its last process was told.
func (p *process) stillLeft() bool {
	for wait := 50 * time.Microsecond; p.left(); wait *= 2 {
		if wait > emptyMost {
			return true
		}
		time.Sleep(wait)
	}
	return false
}

// watchEmpty posts emptied once nothing of the run is left.
func (p *process) watchEmpty() {
	var once sync.Once
	empty := func() bool {
		if p.left() {
			return false
		}
		once.Do(func() { p.host.post(emptied{p.ref}) })
		return true
	}
	fd, err := p.comp.PopulatedFD()
	if err == nil && p.host.poll.add(fd, unix.EPOLLPRI, func() {
		if empty() {
			p.host.poll.remove(fd)
		}
	}) == nil {
		empty() // it may have been empty before it was watched
		return
	}
	go func() {
		for !empty() {
			time.Sleep(lookAgain)
		}
	}()
}

// jobTap is who counts jobs in an output, nil nobody.
func (p *process) jobTap(channel string) logs.Tap {
	if channel == "stdout" && p.counter != nil {
		return p.tap
	}
	return nil
}

// tap counts the jobs in what the main process prints. The total, and where the
// count stands, are kept with the output: a successor goes on from there.
func (p *process) tap(chunk []byte) (total uint64, state []byte) {
	p.mu.Lock()
	got := p.counter.Feed(chunk, time.Now())
	p.jobs += got.Finished
	p.output += uint64(got.Finished)
	total, state = p.output, p.counter.Save()
	p.mu.Unlock()
	if got.Finished > 0 {
		p.host.post(jobsDone{p.ref, got.Finished, total})
	}
	return total, state
}

// measured keeps a reading for who asks next, where another is not cheap.
func (p *process) measured(r *cgroup.Reading) {
	if p.host.tree.Mode() != cgroup.Enforced {
		p.latest.Store(r)
		p.confirmed.Store(int64(r.At.Sub(processStart)))
	}
}

// reading is what it has now. Where each process is to be measured for that, what the
// sampler, or another who asked, has found will do for as long as the sampler sees no
// reason to look again.
func (p *process) reading() reading {
	r := p.latest.Load()
	if held := p.host.still.confirmed(time.Duration(p.confirmed.Load())); r == nil || time.Since(processStart)-held > programs.SampleFresh {
		now, err := p.comp.Read()
		if err != nil {
			return reading{}
		}
		r = &now
		p.measured(r)
	}
	return reading{measure: r.Measure, current: r.Current, peak: r.Peak, swap: r.Swap, cgroup: p.comp.Path()}
}

// release gives back everything. It runs last in the lane.
func (p *process) release() {
	p.unwatchMemory()
	for _, pump := range p.pumps {
		pump.Drain(drainMost)
	}
	p.closeStreams() // what was read is written, however long the disk takes
	if p.input != nil {
		if err := p.input.remove(); err != nil {
			p.host.post(trouble{p.ref, "cannot remove its standard input", err})
		}
	}
	if p.fcgi != nil {
		p.host.fcgiDrop(p.fcgi)
	}
	if fd, err := p.comp.PopulatedFD(); err == nil {
		p.host.poll.remove(fd)
	}
	p.removeCompartment()
	p.child.Close()
}

// closeStreams ends the streams of a run that came to nothing.
func (p *process) closeStreams() {
	for _, pump := range p.pumps {
		pump.Close()
		<-pump.Done()
	}
	for _, s := range p.sinks {
		s.Close()
	}
	for _, st := range p.streams {
		p.host.removeStream(st)
	}
}

func (p *process) removeCompartment() {
	if err := removeBusy(p.comp); err != nil {
		p.host.post(trouble{p.ref, "cannot remove the cgroup", err})
	}
	p.comp.Close()
}

// removeBusy removes a cgroup whose last processes may still be exiting: that
// takes the kernel some milliseconds. Other errors (no descriptor free, most
// likely) may pass as well.
func removeBusy(c interface{ Remove() error }) error {
	var err error
	for wait := time.Millisecond; wait < 4*time.Second; wait *= 2 {
		if err = c.Remove(); err == nil || errors.Is(err, fs.ErrClosed) {
			return err
		}
		time.Sleep(wait)
	}
	return err
}
