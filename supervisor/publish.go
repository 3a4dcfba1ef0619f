package supervisor

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
)

// view is one instance as others see it. It is never changed once published.
type view struct {
	control.Status
	live    live // nil when nothing runs
	lastN   uint64
	idle    bool // nothing runs and nothing is going to
	reasons []control.Reason
	failure string // what a failed spawn said
}

// snapshot is all instances, by group and name. Snapshots share their index for
// as long as no instance comes or goes.
type snapshot struct {
	views  []*view
	index  map[string]int // by full name
	ending bool           // a shutdown has begun
}

// get returns an instance by its full name, nil when there is none.
func (s *snapshot) get(name string) *view {
	if i, ok := s.index[name]; ok {
		return s.views[i]
	}
	return nil
}

// publisher holds the newest snapshot; changed is closed when it is replaced.
type publisher struct {
	stir func() // called whenever it is written or read; may be nil

	mu      sync.Mutex
	snap    *snapshot
	changed chan struct{}
}

func newPublisher() *publisher {
	return &publisher{snap: &snapshot{}, changed: make(chan struct{})}
}

func (p *publisher) get() (*snapshot, <-chan struct{}) {
	if p.stir != nil {
		p.stir()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snap, p.changed
}

func (p *publisher) put(s *snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.snap = s
	close(p.changed)
	p.changed = make(chan struct{})
}

// publishChanges replaces the views of the instances that changed.
func (l *loop) publishChanges() {
	old, _ := l.publish.get()
	if len(l.changed) == 0 && old.ending == (l.ending != nil) {
		return
	}
	next := &snapshot{views: slices.Clone(old.views), index: old.index, ending: l.ending != nil}
	for in := range l.changed {
		if i, ok := next.index[in.conf.FullName()]; ok {
			next.views[i] = l.view(in)
		}
	}
	clear(l.changed)
	l.publish.put(next)
}

// publishAll makes the snapshot anew, after instances came or went.
func (l *loop) publishAll() {
	next := &snapshot{index: map[string]int{}, ending: l.ending != nil}
	for _, in := range l.instances {
		next.views = append(next.views, l.view(in))
	}
	slices.SortFunc(next.views, func(a, b *view) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	for i, v := range next.views {
		next.index[control.FullName(v.Group, v.Name)] = i
	}
	clear(l.changed)
	l.publish.put(next)
}

// tell is the one place where a change of state becomes known: what ended, and
// which state was left for which.
func (l *loop) tell(in *instance, old, next programs.State) {
	if next.Last != old.Last {
		l.tellEnd(in, next.Last)
	}
	if next.Due != old.Due && next.Due != programs.NoWhy {
		l.event(in, next.Cur.N, control.Event{Kind: "recycle_due", Message: fmt.Sprintf("a recycle is due: %s", next.Due)})
	}
	if next.Cur.Outgrew && !old.Cur.Outgrew {
		l.event(in, next.Cur.N, control.Event{Kind: "outgrown",
			Message: "over max_memory right after its start; a recycle would not help, so it is left running: raise max_memory"})
	}
	for _, r := range []programs.Run{next.Cur, next.Side} {
		if r.Live() && r.Kills > 3 && r.Kills != runOf(old, r.N).Kills {
			l.event(in, r.N, control.Event{Kind: "unkillable",
				Message: fmt.Sprintf("still not empty after %d kills: a process hangs in the kernel", r.Kills)})
		}
		was := runOf(old, r.N)
		if r.Phase != was.Phase && r.Phase == programs.Leftover {
			l.event(in, r.N, control.Event{Kind: "leftovers", Message: "the main process ended, others of its cgroup did not: they got SIGTERM"})
		}
	}
	l.tellRuns(in, old, next)
	from, to := old.Public(), next.Public()
	if from == to {
		return
	}
	l.event(in, next.LastN, control.Event{Kind: "state", From: from.String(), To: to.String(),
		PID: in.facts(next.Cur.N).pid, Message: fmt.Sprintf("%s -> %s", from, to)})
}

// tellRuns tells when a run came up and when it was asked to leave, which the
// instance's state does not show while two of them overlap.
func (l *loop) tellRuns(in *instance, old, next programs.State) {
	for _, r := range []programs.Run{next.Cur, next.Side} {
		was := runOf(old, r.N)
		if !r.Live() || r.Phase == was.Phase {
			continue
		}
		pid := in.facts(r.N).pid
		switch r.Phase {
		case programs.Running:
			l.event(in, r.N, control.Event{Kind: "ready", PID: pid, Message: "is up"})
		case programs.Stopping:
			l.event(in, r.N, control.Event{Kind: "stopping", PID: pid, Message: "asked to end: " + wantOf(r)})
		}
	}
}

func wantOf(r programs.Run) string {
	switch r.Asked {
	case programs.AskedRecycle:
		return "recycle, " + r.Why.String()
	case programs.AskedRestart:
		return "restart"
	case programs.AskedUnready:
		return "it did not get ready"
	}
	return "stop"
}

func runOf(s programs.State, n uint64) programs.Run {
	switch n {
	case s.Cur.N:
		return s.Cur
	case s.Side.N:
		return s.Side
	}
	return programs.Run{}
}

// tellEnd makes the reason of a run's end and counts it.
func (l *loop) tellEnd(in *instance, r programs.Reason) {
	facts := in.facts(r.Run)
	reason := explain(r, facts, &in.prog.conf, time.Now())
	in.stoppedAt = reason.At
	switch r.Kind {
	case programs.KindRecycled:
		in.recycles++
	case programs.KindOOMKilled, programs.KindHostOOMKilled:
		in.oomKills++
	}
	if in.state.Want && r.Asked == programs.AskedNothing && r.Kind != programs.KindRecycled {
		in.restarts++
	}
	if in.paused == r.Run {
		in.paused = 0
	}
	in.reasons = append([]control.Reason{reason}, in.reasons[:min(len(in.reasons), keepReasons-1)]...)
	l.event(in, r.Run, control.Event{Kind: "ended", PID: facts.pid, Reason: &reason, Message: reason.Words()})
}

// event writes one line of the journal and of the log.
func (l *loop) event(in *instance, run uint64, e control.Event) {
	e.At = time.Now()
	e.Run = run
	fields := []zap.Field{zap.String("kind", e.Kind), zap.Uint64("run", run)}
	if in != nil {
		e.Name = in.conf.FullName()
		fields = append(fields, zap.String("name", e.Name))
	}
	if e.PID != 0 {
		fields = append(fields, zap.Int("pid", e.PID))
	}
	if e.Reason != nil {
		fields = append(fields, zap.String("reason", e.Reason.Kind), zap.String("detail", e.Reason.Detail))
	}
	for k, v := range e.Fields {
		fields = append(fields, zap.String(k, v))
	}
	l.journal.add(e)
	if quiet(e.Kind) {
		l.log.Debug(e.Message, fields...)
		return
	}
	if loud(e) {
		l.log.Warn(e.Message, fields...)
		return
	}
	l.log.Info(e.Message, fields...)
}

func quiet(kind string) bool { return kind == "ready" || kind == "tripwire_moved" }

func loud(e control.Event) bool {
	switch e.Kind {
	case "unkillable", "outgrown", "trouble", "spawn_failed":
		return true
	case "ended":
		return e.Reason.Kind != "recycled" && e.Reason.Kind != "stopped" && e.Reason.Kind != "exited"
	}
	return e.To == "FATAL"
}

func (l *loop) tellCrossed(e crossed) {
	if _, told := e.in.crossed[e.n]; told || !e.in.current(e.n) {
		return
	}
	e.in.crossed[e.n] = struct{}{}
	how := "the kernel's tripwire"
	if e.sampled {
		how = "sampling"
	}
	l.event(e.in, e.n, control.Event{Kind: "tripwire", Message: fmt.Sprintf("over max_memory: %s of %s, told by %s",
		control.Size(e.measure), control.Size(int64(e.in.prog.conf.Recycle.MaxMemory)), how)})
}

func (l *loop) tellMoved(e wireMoved) {
	if e.in.current(e.n) {
		l.event(e.in, e.n, control.Event{Kind: "tripwire_moved",
			Message: fmt.Sprintf("%s of page cache, not the program's: tripwire now at %s", control.Size(e.cache), control.Size(e.to))})
	}
}

func (l *loop) tellOver(e overLimit) {
	if e.in.current(e.n) {
		l.event(e.in, e.n, control.Event{Kind: "over_limit", Message: fmt.Sprintf("%s is over memory_max %s, told by sampling: killed",
			control.Size(e.measure), control.Size(int64(e.in.prog.conf.Limits.MemoryMax)))})
	}
}

func (l *loop) tellTrouble(e trouble) {
	l.event(e.in, e.n, control.Event{Kind: "trouble", Message: fmt.Sprintf("%s: %v", e.what, e.err)})
}

// current reports whether a run is one of the instance's live ones.
func (in *instance) current(n uint64) bool {
	return n != 0 && (in.state.Cur.N == n || in.state.Side.N == n)
}

func (l *loop) tellNote(what string) {
	l.event(nil, 0, control.Event{Kind: "supervisor", Message: what})
}

// logTrouble is a log file that loses output, or takes it again.
type logTrouble struct {
	path string
	lost int64
	err  error
}

func (t logTrouble) do(l *loop) {
	e := control.Event{Kind: "trouble", Fields: map[string]string{"path": t.path, "lost_bytes": fmt.Sprint(t.lost)}}
	if t.err != nil {
		e.Message = fmt.Sprintf("output to %q is being lost: %v", t.path, t.err)
	} else {
		e.Message = fmt.Sprintf("output to %q is written again; %d bytes were lost", t.path, t.lost)
	}
	l.event(nil, 0, e)
}
