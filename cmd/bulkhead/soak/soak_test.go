package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// Programs that print, anywhere, without limits as far as this machine has none.
func TestChatterThroughKillsAndUpgrades(t *testing.T) {
	s := newSoak(t, "auto", 30*time.Millisecond, 4*time.Second, 3, 3)
	s.settleMost = 20 * time.Second
	s.run()
	s.print()
}

// soak is one run of a plan.
type soak struct {
	t        *testing.T
	dir      string
	mark     string
	cgroup   string
	crews    []crew
	kills    int
	upgrades int
	balloons int
	plan     plan
	began    time.Time

	captain  *captain
	wants    *wants
	census   *census
	counters *counters
	table    table

	ignore     string // a log that the chatters do not write
	settleMost time.Duration
	pause      time.Duration // between two looks
	each       func(n int)   // after each blow, nil nothing
	push       func()        // has a worker outgrow its limit
	last       func()        // when everything is at rest for the last time, before the end

	mu     sync.Mutex
	faults []string
	now    string // the step, for people
}

func newSoak(t *testing.T, cgroup string, every, life time.Duration, kills, upgrades uint64) *soak {
	t.Helper()
	s := &soak{t: t, dir: t.TempDir(), cgroup: cgroup, began: time.Now(), pause: 100 * time.Millisecond}
	s.mark = fmt.Sprintf("SOAK_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
	for _, d := range []string{"records", "logs"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.crews = chatters(t, s.dir, s.mark, every, life)
	s.plan.Seed = chosen(t, "BULKHEAD_SOAK_SEED", uint64(time.Now().UnixNano())%1e9)
	s.kills, s.upgrades = int(chosen(t, "BULKHEAD_SOAK_KILLS", kills)), int(chosen(t, "BULKHEAD_SOAK_UPGRADES", upgrades))
	return s
}

// fault is told at once, and the run goes on.
func (s *soak) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
	if s.t != nil { // else it is the soak that is tested
		s.t.Errorf("%7.2fs %s: %s", time.Since(s.began).Seconds(), s.now, s.faults[len(s.faults)-1])
	}
}

func (s *soak) say(format string, args ...any) {
	fmt.Printf("%7.2fs %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func (s *soak) run() {
	verbs := map[string][]string{}
	for _, c := range s.crews {
		verbs[c.name] = c.verbs
	}
	s.plan = newPlan(s.plan.Seed, s.kills, s.upgrades, verbs, s.balloons)
	fmt.Printf("seed %d: BULKHEAD_SOAK_SEED=%d BULKHEAD_SOAK_KILLS=%d BULKHEAD_SOAK_UPGRADES=%d\n", s.plan.Seed, s.plan.Seed, s.kills, s.upgrades)
	s.begin()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx)
	}()
	s.settle("the start")
	for n, step := range s.plan.Steps {
		s.step(n, step)
		if n%5 == 4 || n == len(s.plan.Steps)-1 {
			s.settle("rest")
		}
		if s.hopeless() {
			s.fault("given up after %d of %d steps", n+1, len(s.plan.Steps))
			break
		}
	}
	s.setNow("the end")
	if s.last != nil {
		s.last()
	}
	stop()
	<-watched
	s.end(syscall.SIGTERM)
	s.table.lines = s.checkLines()
	s.table.doubled = len(s.census.doubled)
}

// begin starts the first supervisor.
func (s *soak) begin() {
	s.wants = newWants(s.crews)
	s.captain = newCaptain(s.t, s.dir)
	s.census = &census{mark: s.mark, overlap: s.overlaps, doubled: map[string]bool{}, owner: map[int]string{}, fault: s.fault}
	s.counters = newCounters(s.overlaps, s.fault)
	s.writeConfig()
	s.captain.start()
	s.t.Cleanup(s.sweep)
	if !s.captain.up(s.settleMost) {
		s.t.Fatalf("no supervisor:\n%s", s.captain.lastWords(20))
	}
}

// hopeless is when there is too much to tell already, or no time left to end in order.
func (s *soak) hopeless() bool {
	end, ok := s.t.Deadline()
	return len(s.faults) > 30 || ok && time.Until(end) < 2*s.settleMost
}

func (s *soak) overlaps(name string) bool {
	c := s.wants.crews[s.wants.programOf(name)] // never changed while this runs
	return c != nil && c.overlap
}

func (s *soak) setNow(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = fmt.Sprintf(format, args...)
}

// watch counts processes and looks at the counters until ctx ends.
func (s *soak) watch(ctx context.Context) {
	client := control.Dial(s.captain.socket)
	defer client.Close()
	for ctx.Err() == nil {
		s.census.look()
		ask, cancel := context.WithTimeout(ctx, s.settleMost)
		all, _, err := client.Status(ask)
		cancel()
		if err == nil {
			s.counters.see(all)
		}
		time.Sleep(s.pause)
	}
}

func (s *soak) writeConfig() {
	text := s.wants.config(fmt.Sprintf("[supervisor]\nsocket = %q\nstate_dir = %q\ncgroup = %q\n", s.captain.socket, filepath.Join(s.dir, "state"), s.cgroup))
	path := s.captain.config
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) status() (all []control.Status, by map[string]control.Status) {
	ctx, cancel := context.WithTimeout(context.Background(), s.settleMost)
	defer cancel()
	all, _, err := s.captain.client.Status(ctx)
	if err != nil {
		s.fault("status: %v", err)
	}
	by = map[string]control.Status{}
	for _, st := range all {
		by[st.FullName()] = st
	}
	return all, by
}

// given is an order on its way, and its answer.
type given struct {
	task
	answer   chan struct{}
	outcomes []control.Outcome
	err      error
}

func (s *soak) give(t task) *given {
	g := &given{task: t, answer: make(chan struct{})}
	go func() {
		defer close(g.answer)
		ctx, cancel := context.WithTimeout(context.Background(), 2*s.settleMost)
		defer cancel()
		client := control.Dial(s.captain.socket)
		defer client.Close()
		g.outcomes, g.err = client.Do(ctx, g.control)
	}()
	return g
}

// step gives the orders, strikes, and waits until all of it is confirmed.
func (s *soak) step(n int, st step) {
	s.setNow("step %d (%v %v)", n, st.Strike, st.Orders)
	s.say("step %d: orders %v, push %v, after %v: %v, down %v, ends %d, again %v", n, st.Orders, st.Push, st.After, st.Strike, st.Down, st.Ends, st.Again)
	_, by := s.status()
	var open []*given
	for _, o := range st.Orders {
		t := s.wants.give(o, by)
		if o.Verb == "update" {
			s.writeConfig()
		}
		if o.Verb == "scale" {
			s.counters.replace(t.names)
		}
		open = append(open, s.give(t))
	}
	if st.Push && s.push != nil {
		s.push()
	}
	time.Sleep(st.After)
	switch st.Strike {
	case kill, killInUpgrade:
		s.kill(st)
	default:
		s.upgrade(st.Strike)
	}
	s.confirm(open, st.Strike == kill || st.Strike == killInUpgrade)
	all, _ := s.status()
	s.keep(all, false)
	s.history()
	if s.each != nil {
		s.each(n)
	}
}

func (s *soak) history() {
	ctx, cancel := context.WithTimeout(context.Background(), s.settleMost)
	defer cancel()
	told, _, err := s.captain.client.History(ctx, "all")
	if err != nil {
		s.fault("why: %v", err)
	}
	s.counters.hear(told)
}

// confirm waits for the answers. An order whose answer was lost in a kill is given
// again; after an upgrade every client has its answer.
func (s *soak) confirm(open []*given, killed bool) {
	for _, g := range open {
		for try := 0; ; try++ {
			<-g.answer
			if s.confirmed(g, killed && try == 0) || try > 3 {
				break
			}
			s.table.again++
			g = s.give(g.task)
		}
		if g.order.Verb == "scale" {
			s.counters.replaced(g.names)
		}
	}
}

func (s *soak) confirmed(g *given, mayBeLost bool) bool {
	s.table.orders++
	if g.err != nil {
		if !mayBeLost {
			s.fault("order %v: %v", g.order, g.err)
		}
		return false
	}
	refused := map[string]bool{}
	for _, o := range g.outcomes {
		switch {
		case o.Fault == control.NoFault:
		case o.Fault == control.NotRunning || o.Fault == control.AlreadyStarted || o.Detail == "not done yet":
			refused[o.Name] = o.Fault == control.NotRunning
		default:
			s.table.denied++
			refused[o.Name] = true
			s.say("order %v: %+v", g.order, o)
		}
	}
	if g.took != nil {
		g.took(refused)
	}
	return true
}

// keep compares what there is with what was confirmed.
func (s *soak) keep(all []control.Status, atRest bool) {
	bad := s.wants.differs(all, atRest)
	for _, b := range bad {
		s.fault("%s", b)
	}
	s.table.broken += len(bad)
}

// settle waits until everything is as wanted, in status and in the census alike.
func (s *soak) settle(what string) {
	var bad []string
	began := time.Now()
	defer func() { s.say("%s after %v", what, time.Since(began).Round(time.Millisecond)) }()
	told := began.Add(3 * time.Second)
	for end := began.Add(s.settleMost); ; time.Sleep(s.pause) {
		if time.Now().After(told) {
			s.say("%s: waiting: %v", what, bad)
			told = told.Add(3 * time.Second)
		}
		all, _ := s.status()
		bad = s.wants.differs(all, true)
		if len(bad) == 0 {
			bad = s.tally(all)
		}
		if len(bad) == 0 {
			return
		}
		if time.Now().After(end) {
			break
		}
	}
	for _, b := range bad {
		s.table.missing++
		s.fault("%s, after %v: %s", what, s.settleMost, b)
	}
	s.say("the supervisor's log ends with\n%s", s.captain.lastWords(40))
}

// tally compares status with the census.
func (s *soak) tally(all []control.Status) (bad []string) {
	there := s.census.look()
	for _, st := range all {
		name := st.FullName()
		list := there[name]
		delete(there, name)
		running := st.State == "RUNNING"
		if running != (len(list) > 0) {
			bad = append(bad, fmt.Sprintf("%s is %s (pid %d), and its processes are %v", name, st.State, st.PID, list))
		} else if running && !slices.ContainsFunc(list, func(p process) bool { return p.pid == st.PID }) {
			bad = append(bad, fmt.Sprintf("%s has pid %d, and its processes are %v", name, st.PID, list))
		} else if len(list) > 1 && !s.overlaps(name) {
			bad = append(bad, fmt.Sprintf("%s runs twice: %v", name, list))
		}
	}
	for name, list := range there {
		bad = append(bad, fmt.Sprintf("%s is in no status, and its processes are %v", name, list))
	}
	return bad
}

// end stops everything in order; nothing may be left.
func (s *soak) end(how os.Signal) {
	_ = s.captain.cmd.Process.Signal(how)
	select {
	case <-s.captain.dead:
	case <-time.After(2 * s.settleMost):
		s.fault("the supervisor does not end:\n%s", s.captain.lastWords(30))
	}
	if left := s.census.take(); len(left) > 0 {
		s.fault("left over after the end: %v", left)
	}
}

// sweep leaves no process behind, whatever has failed.
func (s *soak) sweep() {
	s.captain.kill()
	for _, list := range s.census.take() {
		for _, p := range list {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
	if s.t.Failed() {
		s.keepForPeople()
	}
}
