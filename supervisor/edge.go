package supervisor

import (
	"syscall"
	"time"

	"bulkhead/conf"
	"bulkhead/programs"
)

// edge is what the loop asks of the outside. No call blocks; what becomes of a
// spawn, and what a run does by itself, comes back as an event.
type edge interface {
	// spawn starts a run; spawned or spawnFailed answers.
	spawn(r ref, p *conf.Program, in *conf.Instance)
	// signal sends sig to the run's main process, or to all of its processes.
	signal(r ref, sig syscall.Signal, all bool)
	kill(r ref)
	lift(r ref)
	// revise gives a live run the rules of the program as it is now. held says, in
	// sentences, what of them holds from its next run on only, and why.
	revise(r ref, p *conf.Program) (held []string)
	// release gives back all that the run still holds.
	release(r ref)
	// find returns the runs that an earlier supervisor has started, dead ones too
	// as long as anything is left of them.
	find() ([]found, error)
	// adopt takes a run over; f is empty when nothing was found of it. Whatever
	// is wrong with it, it is a run afterwards: one that has ended, at worst.
	adopt(r ref, p *conf.Program, in *conf.Instance, f found, known runRecord) adoption
	// watch begins to look after all that was adopted.
	watch()
	// stray saves the output of a run that is nobody's and removes it, once it
	// is dead; with stop it is ended first.
	stray(f found, stop bool)
	// check asks the run whether it is well; checked answers, once.
	check(r ref, p *conf.Program, in *conf.Instance)
	// signs tells when the run last showed that it is alive.
	signs(r ref) signs
	// say writes to the run's standard input; unheard answers when that fails.
	say(r ref, data []byte)
	// room reads how much memory there is for one more run of the program.
	room(p *conf.Program, beside ref) programs.Room
	// hostReading reads how short of memory the host is.
	hostReading() hostReading
	// reviseHost takes over what the configuration says of the host.
	reviseHost(c conf.Host)
	// reclaim takes page cache back that runs hold, in its own time.
	reclaim()
	// limit makes the program's total the limits of its cgroup.
	limit(p *conf.Program)
	// forget removes the program's own cgroup.
	forget(program string)
}

// ref names one run of one instance. The pointer tells an instance from a later
// one of the same name.
type ref struct {
	in *instance
	n  uint64
}

// live is a run as others than the loop may look at it, from any goroutine.
type live interface {
	reading() reading
}

// reading is what status shows of a run's memory, in bytes; zero when it could
// not be read.
type reading struct {
	measure, current, peak, swap int64
	cgroup                       string
}

// The facts that an edge sends to the loop.
type (
	spawned struct {
		ref
		pid      int
		live     live
		known    runRecord
		warnings []error
	}
	spawnFailed struct {
		ref
		err error
	}
	exited struct {
		ref
		exit programs.Exit
		left bool // others of its cgroup live on
		last words
	}
	emptied  struct{ ref }
	ready    struct{ ref }
	jobsDone struct {
		ref
		count int    // more of them; of no account beside a total
		total uint64 // of all that the output has told; 0 when it was told otherwise
	}
	crossed struct {
		ref
		measure int64
		sampled bool // found by sampling, not by the kernel's event
	}
	wireMoved struct {
		ref
		to, cache int64
	}
	overLimit struct {
		ref
		measure int64
	}
	stuck   struct{ ref }
	trouble struct { // something failed that decides nothing
		ref
		what string
		err  error
	}
)

// words are what a run leaves behind for its reason.
type words struct {
	peak   int64  // memory.peak, bytes
	job    string // the job in hand, "" when there was none
	jobFor time.Duration
}
