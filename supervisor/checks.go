package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/probe"
	"bulkhead/supervisor/spawn"
)

// The checks of what runs, at the real edge.

const (
	// askMost is how many runs are asked over the network at once: a descriptor and
	// two goroutines each.
	askMost = 64
	// commandsMost is how many check commands run at once: a process each.
	commandsMost = 8
)

// checks are the checks under way, of all runs.
type checks struct {
	sockets  chan struct{} // places for those over the network
	commands chan struct{}
	under    pending

	mu   sync.Mutex
	held bool // none may begin
	next int
	ends map[int]func() // of each under way
}

func newChecks() *checks {
	return &checks{sockets: make(chan struct{}, askMost), commands: make(chan struct{}, commandsMost), ends: map[int]func(){}}
}

// begin counts a check under way; false when none may be.
func (c *checks) begin(end func()) (done func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return nil, false
	}
	c.next++
	n := c.next
	c.ends[n] = end
	c.under.add()
	return func() {
		c.mu.Lock()
		delete(c.ends, n)
		c.mu.Unlock()
		c.under.done()
	}, true
}

// hold ends the checks under way and keeps others from beginning until the returned
// function is called. A command's process would be nobody's after an exec.
func (c *checks) hold() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
	for _, end := range c.ends {
		end()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held = false
	}
}

// check asks a run all there is to ask, one after the other, until something is wrong.
func (h *host) check(r ref, prog *conf.Program, inst *conf.Instance) {
	p := h.get(r)
	if p == nil {
		return // it has ended, which is told
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, ok := h.checks.begin(cancel)
	if !ok || !p.asked.begin(cancel) {
		cancel()
		if ok {
			done()
		}
		go h.post(checked{ref: r, off: true}) // the loop asks, and must not wait for itself
		return
	}
	b := &birth{host: h, ref: r, prog: prog, inst: inst}
	go func() {
		e := b.check(ctx, p)
		cancel()
		p.asked.end()
		h.post(e)
		done() // what is told is told: see rest
	}()
}

// check asks in the order of conf.Checks. A birth knows what a command of the
// instance is to be started with.
func (b *birth) check(ctx context.Context, p *process) checked {
	e := checked{ref: b.ref}
	c := b.inst.Checks
	for _, q := range []struct {
		what   string
		wanted bool
		places chan struct{}
		ask    func(ctx context.Context) error
	}{
		{"http " + c.HTTP, c.HTTP != "", b.host.checks.sockets, func(ctx context.Context) error { return probe.HTTP(ctx, c.HTTP) }},
		{"tcp " + c.TCP, c.TCP != "", b.host.checks.sockets, func(ctx context.Context) error { return probe.TCP(ctx, c.TCP) }},
		{"command", len(c.Command) > 0, b.host.checks.commands, func(ctx context.Context) error { return b.checkCommand(ctx, p) }},
	} {
		if !q.wanted {
			continue
		}
		if e.off = !take(ctx, q.places); e.off {
			return e
		}
		limited, cancel := context.WithTimeout(ctx, b.prog.Health.Timeout)
		err := q.ask(limited)
		cancel()
		<-q.places
		if e.off = ctx.Err() != nil; e.off {
			return e // it was ended, which says nothing of the run
		}
		if err != nil {
			e.what, e.err = q.what, err
			if errors.Is(err, probe.ErrNoAnswer) {
				e.err = noAnswer(b.prog.Health)
			}
			return e
		}
	}
	return e
}

// take waits for a place.
func take(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// checkCommand runs the check's command as the program's user in the instance's own
// cgroup: what it uses is the instance's, under its limits, and what it leaves
// behind ends with the instance.
func (b *birth) checkCommand(ctx context.Context, p *process) error {
	env, err := b.environment()
	if err != nil {
		return err
	}
	return probe.Command(ctx, spawn.Spec{
		Argv:        b.inst.Checks.Command,
		Env:         withoutOwn(env),
		Dir:         b.inst.Directory,
		Cred:        credentialOf(b.prog.User),
		Umask:       b.prog.Umask,
		Nice:        b.prog.Process.Nice,
		NiceSet:     b.prog.Process.Nice != 0,
		OOMScoreAdj: b.prog.Process.OOMScoreAdj,
		Rlimits:     rlimitsOf(b.prog.Process.Rlimits),
		CgroupFD:    p.comp.FD(),
		Stdin:       -1,
	})
}

// askedMost is how long the end of a run waits for that of its check.
const askedMost = 5 * time.Second

// ownVars are for the main process alone: a check is not the run, and must not be heard
// or found as if it were.
var ownVars = []string{markName, "NOTIFY_SOCKET", "WATCHDOG_USEC"}

func withoutOwn(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return slices.Contains(ownVars, key)
	})
}

// noAnswer names the time in which there was none.
func noAnswer(h conf.Health) error { return fmt.Errorf("no answer within %v", h.Timeout) }

// question is the one check of a run that may be under way.
type question struct {
	mu     sync.Mutex
	cancel func()        // nil: none is
	done   chan struct{} // closed when it has come to its end
	over   bool          // the run ends: none begins
}

func (a *question) begin(cancel func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.cancel != nil {
		return false
	}
	a.cancel, a.done = cancel, make(chan struct{})
	return true
}

func (a *question) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.done)
	a.cancel = nil
}

func (a *question) underWay() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cancel != nil
}

// stop ends the check under way and waits for that, so that nothing of it is taken for what
// the main process has left behind.
func (a *question) stop() {
	a.mu.Lock()
	a.over = true
	cancel, done := a.cancel, a.done
	a.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	timer := time.NewTimer(askedMost)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C: // it hangs in the kernel; the end of the run does not wait for it
	}
}

// signs tells when the run last printed and last said WATCHDOG=1.
func (h *host) signs(r ref) (s signs) {
	p := h.get(r)
	if p == nil {
		return s
	}
	for _, pump := range p.pumps {
		if at := pump.Last(); at.After(s.output) {
			s.output = at
		}
	}
	if at := p.petted.Load(); at != 0 {
		s.pet = processStart.Add(time.Duration(at))
	}
	return s
}
