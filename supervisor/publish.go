package supervisor

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"bulkhead/conf"
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

	inst                    *conf.Instance
	priority, groupPriority int
	//lint:ignore ST1011 startsecs is supervisord's word
	startSecs time.Duration
}

// snapshot is all instances, by group and name. Snapshots share their index for
// as long as no instance comes or goes.
type snapshot struct {
	views  []*view
	index  map[string]int // by full name
	groups []string       // in service, those without an instance too
	ending bool           // a shutdown has begun
}

// get returns an instance by its full name, nil when there is none.
func (s *snapshot) get(name string) *view {
	if i, ok := s.index[name]; ok {
		return s.views[i]
	}
	return nil
}

// match finds the instances that names mean, as [control.Match] does.
func (s *snapshot) match(names []string) (found []*view, bad []control.Outcome) {
	ids := make([]control.ID, len(s.views))
	for i, v := range s.views {
		ids[i] = control.ID{Group: v.Group, Name: v.Name, Program: v.Program}
	}
	at, bad := control.Match(names, ids)
	for _, i := range at {
		found = append(found, s.views[i])
	}
	return found, bad
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

// peek is get for who looks by the clock: nothing happens by it.
func (p *publisher) peek() *snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snap
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
	next := &snapshot{views: slices.Clone(old.views), index: old.index, groups: old.groups, ending: l.ending != nil}
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
	next := &snapshot{index: map[string]int{}, groups: l.groups(), ending: l.ending != nil}
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
	before, _ := l.publish.get()
	l.publish.put(next)
	if before.index != nil { // else it is the first of all, and define has told
		l.notifyGroups(before.groups, next.groups)
	}
}
