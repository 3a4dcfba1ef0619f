package supervisor

import (
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// program is one program of the config and its instances.
type program struct {
	conf      *conf.Program // replaced, never changed
	policy    programs.Policy
	watched   bool // whether its runs are well is looked at
	instances []*instance
	relieved  time.Duration // when it was recycled for the host last, 0 never
	waited    time.Duration // when it was told last that its starts wait, 0 never
}

// instance is one of a program's processes, as the loop remembers it.
type instance struct {
	prog  *program
	conf  *conf.Instance // replaced, never changed
	state programs.State
	runs  map[uint64]*runFacts // of the live runs, two at most

	leaving bool                // gone from the config: forgotten once it is stopped
	reasons []control.Reason    // newest first, at most keepReasons; replaced, never changed
	paused  uint64              // the run that was paused, 0 none
	gaveWay bool                // ended for want of memory on the host, and to come again
	crossed map[uint64]struct{} // runs whose crossing was told already
	burst   uint64              // the run whose first burst was told
	told    bool                // a reason that is not remembered on disk yet

	hostPaused uint64 // the run that was paused for want of memory on the host, 0 none

	restarts, recycles, oomKills int64
	startedAt, stoppedAt         time.Time
}

const keepReasons = 20

// runFacts are what the edge told of a live run.
type runFacts struct {
	pid     int
	live    live
	started time.Time
	last    words
	failure error     // of a spawn
	known   runRecord // how it is known again, once there is a process
	health  programs.Health
	failing checked // what the last check said, when it failed
	early   []any   // what it printed that is told with its pid, which is not known yet
}

func newInstance(p *program, c *conf.Instance) *instance {
	return &instance{prog: p, conf: c, runs: map[uint64]*runFacts{}, crossed: map[uint64]struct{}{}}
}

// facts of a run, made when first asked for; those of no run (0) are empty.
func (in *instance) facts(n uint64) *runFacts {
	if n == 0 {
		return &runFacts{}
	}
	f := in.runs[n]
	if f == nil {
		f = &runFacts{}
		in.runs[n] = f
	}
	return f
}

// withhold keeps what a run printed until its process is known, and reports that it is not
// yet: output is read as soon as there is some.
func (in *instance) withhold(n uint64, said any) bool {
	spawning := func(r programs.Run) bool { return r.N == n && r.Phase == programs.Spawning }
	if !spawning(in.state.Cur) && !spawning(in.state.Side) {
		return false
	}
	f := in.facts(n)
	f.early = append(f.early, said)
	return true
}

// idle reports that nothing of it runs and nothing is going to.
func (in *instance) idle() bool {
	return !in.state.Cur.Live() && !in.state.Side.Live() && in.state.Public() != programs.BACKOFF
}
