package soak

import (
	"context"
	"sync"
	"time"

	"bulkhead/supervisor/control"
)

// counters watch what status says from answer to answer: no count of an
// instance goes backwards, whoever answers.
type counters struct {
	overlap func(name string) bool
	fault   func(string, ...any)
	mu      sync.Mutex
	last    map[string]control.Status
	skip    map[string]bool // instances that an order may be replacing by new ones
	pids    map[runOf]int   // main processes, by run
	ends    map[runOf]control.Reason
	age     map[string]int // of names: how many instances have had it
}

// runOf names a run for good: a name that was given up and taken again counts its runs anew.
type runOf struct {
	name string
	age  int
	run  uint64
}

func newCounters(overlap func(string) bool, fault func(string, ...any)) *counters {
	return &counters{overlap: overlap, fault: fault, last: map[string]control.Status{}, skip: map[string]bool{}, pids: map[runOf]int{},
		ends: map[runOf]control.Reason{}, age: map[string]int{}}
}

func (c *counters) see(all []control.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, now := range all {
		name := now.FullName()
		if c.skip[name] {
			continue
		}
		was, known := c.last[name]
		c.last[name] = now
		of := runOf{name, c.age[name], now.Run}
		if now.PID != 0 {
			if pid := c.pids[of]; pid != 0 && pid != now.PID {
				c.fault("%s run %d had pid %d and has pid %d", name, now.Run, pid, now.PID)
			}
			c.pids[of] = now.PID
		}
		if !known {
			continue
		}
		for _, n := range []struct {
			what     string
			was, now int64
		}{
			{"run", int64(was.Run), int64(now.Run)}, {"restarts", was.Restarts, now.Restarts},
			{"recycles", was.Recycles, now.Recycles}, {"oom_kills", was.OOMKills, now.OOMKills},
			{"jobs_done", sameRun(was, now, was.JobsDone), now.JobsDone},
			{"uptime", sameRun(was, now, was.UptimeSeconds), now.UptimeSeconds},
		} {
			if n.what == "run" && n.now == n.was-1 && c.overlap(name) {
				continue // the replacement was first up and then gone: its predecessor is what there is
			}
			if n.now < n.was {
				c.fault("%s: %s went back from %d to %d (run %d)", name, n.what, n.was, n.now, now.Run)
			}
		}
	}
}

// sameRun is a count of a run, 0 when now is another run or none.
func sameRun(was, now control.Status, n int64) int64 {
	if was.Run == now.Run && was.PID == now.PID && now.PID != 0 {
		return n
	}
	return 0
}

// replace says that the names may stand for other instances from now on; replaced, that they do not change any more.
func (c *counters) replace(names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range names {
		c.skip[n] = true
	}
}

func (c *counters) replaced(names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range names {
		delete(c.skip, n)
		delete(c.last, n)
		c.age[n]++
	}
}

// hear takes in the reasons that are remembered. What was said of a run once holds.
func (c *counters) hear(all []control.History) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range all {
		name := h.Status.FullName()
		if c.skip[name] {
			continue
		}
		runs := map[uint64]bool{}
		for _, r := range h.Reasons {
			if runs[r.Run] {
				c.fault("%s run %d has ended twice: %+v", name, r.Run, h.Reasons)
			}
			runs[r.Run] = true
			of := runOf{name, c.age[name], r.Run}
			if was, ok := c.ends[of]; ok && (was.Kind != r.Kind || was.JobsDone != r.JobsDone || was.ExitCode != r.ExitCode) {
				c.fault("%s run %d ended as %q with %d jobs, and later it says %q with %d", name, r.Run, was.Words(), was.JobsDone, r.Words(), r.JobsDone)
			}
			c.ends[of] = r
		}
	}
}

// pulse asks without a pause whether there is control, while it is wanted to.
type pulse struct {
	longest time.Duration
	stop    context.CancelFunc
	done    chan struct{}
}

func newPulse(socket string, every time.Duration) *pulse {
	ctx, stop := context.WithCancel(context.Background())
	p := &pulse{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		client := control.Dial(socket)
		defer client.Close()
		for last := time.Now(); ctx.Err() == nil; time.Sleep(every) {
			if _, err := client.Version(ctx); err == nil {
				p.longest = max(p.longest, time.Since(last))
				last = time.Now()
			}
		}
	}()
	return p
}

// gap is the longest time between two answers.
func (p *pulse) gap() time.Duration {
	p.stop()
	<-p.done
	return p.longest
}
