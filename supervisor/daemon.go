package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/logs"
)

// daemon is what the control server talks to. It reads what the loop has
// published and sends it requests; it touches no instance.
type daemon struct {
	loop    *loop
	journal *journal
	logs    *logs.Set
	store   flusher                      // nil where nothing is remembered
	read    func() (*conf.Config, error) // the config file, as it is now
	info    control.Info

	identifier string                      // names the supervisor for supervisord's clients
	lastRead   atomic.Pointer[conf.Config] // the config file as it was read last, in force or not

	exe       string             // the binary on disk that an upgrade executes
	replace   func() error       // does it, on the loop's goroutine
	leave     func()             // ends the supervisor alone, on the loop's goroutine
	upgrading sync.Mutex         // one at a time
	flush     chan chan struct{} // asks whether all signals are told
}

func (d *daemon) Status(_ context.Context, names []string) ([]control.Status, []control.Outcome) {
	return shown(d, names, func(_ *view, s control.Status) control.Status { return s })
}

func (d *daemon) Lines(_ context.Context, names []string) ([]control.Line, []control.Outcome) {
	return shown(d, names, func(_ *view, s control.Status) control.Line { return s.Line() })
}

func (d *daemon) History(_ context.Context, names []string) ([]control.History, []control.Outcome) {
	return shown(d, names, func(v *view, s control.Status) control.History {
		return control.History{Status: s, Reasons: v.reasons}
	})
}

// shown is what is said of each instance that names match, with readings of now.
func shown[T any](d *daemon, names []string, say func(*view, control.Status) T) ([]T, []control.Outcome) {
	found, bad := d.find(names)
	now := time.Now()
	out := make([]T, len(found))
	for i, v := range found {
		out[i] = say(v, v.fresh(d.info.Enforced, now))
	}
	return out, bad
}

// find is all without names.
func (d *daemon) find(names []string) (found []*view, bad []control.Outcome) {
	snap, _ := d.loop.publish.get()
	if len(names) == 0 {
		return snap.views, nil
	}
	return snap.match(names)
}

func (d *daemon) Events(ctx context.Context, after uint64) ([]control.Event, <-chan control.Event) {
	return d.journal.follow(ctx, after)
}

func (d *daemon) OOM(context.Context) control.OOMLog { return d.loop.oom.all() }

func (d *daemon) Info() control.Info {
	info := d.info
	if snap, _ := d.loop.publish.get(); snap.ending {
		info.State = "SHUTDOWN"
	}
	return info
}

func (d *daemon) Do(ctx context.Context, o control.Order) ([]control.Outcome, error) {
	switch o.Verb {
	case "update":
		return d.update(ctx, o)
	case "upgrade":
		return d.upgrade(ctx)
	case "clear":
		return d.clear(ctx, o.Names), nil
	}
	tickets, err := d.order(ctx, o)
	if err != nil {
		return nil, err
	}
	outcomes := d.loop.follow(ctx, tickets)
	d.written(ctx)
	return outcomes, nil
}

// order hands an order to the loop; one that the image before has taken is followed on.
func (d *daemon) order(ctx context.Context, o control.Order) (tickets []ticket, err error) {
	note := control.NoteOf(ctx)
	if !note.Get(&tickets) {
		q := &orderRequest{order: o, barred: d.barred(o), note: note, tickets: make(chan []ticket, 1)}
		if err := d.ask(ctx, q); err != nil {
			return nil, err
		}
		var ok bool
		if tickets, ok = answer(d.loop, q.tickets); !ok {
			return nil, errEnded()
		}
		if q.err != nil {
			return nil, q.err
		}
	}
	if o.NoWait {
		for i := range tickets {
			tickets[i].Until = known
		}
	}
	return tickets, nil
}

// barred looks for those an order is to start and cannot: here, where a disk that
// does not answer holds up nobody else.
func (d *daemon) barred(o control.Order) map[string]ticket {
	if o.Verb != "start" && o.Verb != "restart" {
		return nil
	}
	snap, _ := d.loop.publish.get()
	views, _ := snap.match(o.Names)
	out := map[string]ticket{}
	for _, v := range views {
		if f, why := runnable(v.inst); f != control.NoFault {
			name := v.FullName()
			out[name] = ticket{Name: name, Outcome: control.Outcome{Name: name, Fault: f, Detail: why}}
		}
	}
	return out
}

// writtenMost is how long an answer waits for the state to be on disk. A disk
// that is full or stuck is told on its own.
const writtenMost = time.Second

// flusher is the state on disk: Flush returns when all is there that was put before.
type flusher interface {
	Flush(ctx context.Context) error
}

// written waits until what an order has changed is written down: it holds,
// whatever becomes of this supervisor.
func (d *daemon) written(ctx context.Context) {
	if d.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writtenMost)
	defer cancel()
	q := rememberRequest{make(chan struct{})}
	if d.ask(ctx, q) == nil {
		select {
		case <-q.done:
		case <-d.loop.done:
		case <-ctx.Done():
		}
	}
	_ = d.store.Flush(ctx)
}

// rememberRequest is answered when all that was done before is in the hands of the store:
// the loop answers an order first and writes down what has changed when it has settled.
type rememberRequest struct{ done chan struct{} }

func (q rememberRequest) do(l *loop) {
	l.remember()
	close(q.done)
}

// ask hands a request to the loop.
func (d *daemon) ask(ctx context.Context, q request) error {
	select {
	case d.loop.events <- q:
		return nil
	case <-d.loop.done:
		return errEnded()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer waits for what the loop answers; ok is false when it has ended with
// the question still in its queue.
func answer[T any](l *loop, c <-chan T) (v T, ok bool) {
	select {
	case v = <-c:
		return v, true
	case <-l.done:
	}
	select {
	case v = <-c: // its last words
		return v, true
	default:
		return v, false
	}
}

func errEnded() error {
	return &control.Error{Fault: control.ShuttingDown, Message: "the supervisor has ended"}
}

// rereadRequest compares a config with the one in force, and applies it when it
// is to. The file was read before, outside the loop.
type rereadRequest struct {
	config *conf.Config
	apply  bool
	names  []string
	digest string        // of its files
	note   *control.Note // where what was done is left for a successor, nil nowhere
	diff   chan conf.Changes
	groups control.Changes   // the difference, by group
	done   map[string]string // what was done to groups
	notes  []string          // what of it was not done at once, and what had to restart
	err    error
}

func (q *rereadRequest) do(l *loop) {
	old := l.config
	diff := conf.Diff(old, q.config)
	q.groups = byGroup(diff, old, q.config)
	if q.apply {
		names := programsOf(q.names, old, q.config)
		warning := ""
		if l.ending != nil {
			q.err = &control.Error{Fault: control.ShuttingDown, Message: "the supervisor is shutting down"}
		} else if warning, q.err = l.afford(picked(old, q.config, names), control.CantReread); q.err == nil {
			var done map[string]string
			done, q.notes = l.apply(q.config, diff, names)
			if warning != "" {
				q.notes = append(q.notes, "host: "+warning)
			}
			q.done = doneByGroup(done, q.groups, old, q.config)
			if len(q.names) == 0 {
				l.self.Digest = q.digest
				l.rememberSelf(false)
			}
			if q.note != nil {
				q.note.Set(q.updated())
			}
		}
	}
	q.diff <- diff
}

func (q *rereadRequest) updated() updated { return updated{q.done, q.groups.Added, q.notes} }

func (d *daemon) reread(ctx context.Context, apply bool, names []string) (*rereadRequest, conf.Changes, error) {
	c, err := d.read()
	if err != nil {
		return nil, conf.Changes{}, &control.Error{Fault: control.CantReread, Message: err.Error()}
	}
	d.lastRead.Store(c)
	q := &rereadRequest{config: c, apply: apply, names: names, digest: digest(c.Files), note: control.NoteOf(ctx), diff: make(chan conf.Changes, 1)}
	if err := d.ask(ctx, q); err != nil {
		return nil, conf.Changes{}, err
	}
	diff, ok := answer(d.loop, q.diff)
	if !ok {
		return nil, conf.Changes{}, errEnded()
	}
	return q, diff, q.err
}

func (d *daemon) Reread(ctx context.Context) (control.Changes, error) {
	q, _, err := d.reread(ctx, false, nil)
	if err != nil {
		return control.Changes{}, err
	}
	return q.groups, nil
}

// update answers with what became of each program, in supervisorctl's words.
// It waits until removed programs are stopped; what it starts it does not wait
// for, as supervisorctl's does not.
func (d *daemon) update(ctx context.Context, o control.Order) ([]control.Outcome, error) {
	names := slices.DeleteFunc(slices.Clone(o.Names), func(n string) bool { return n == "all" })
	if len(names) < len(o.Names) {
		names = nil
	}
	var u updated
	if !control.NoteOf(ctx).Get(&u) {
		q, _, err := d.reread(ctx, true, names)
		if err != nil {
			return nil, err
		}
		u = q.updated()
	}
	var out []control.Outcome
	for _, n := range names {
		if _, ok := u.Done[n]; !ok && !d.known(n, u.Added) {
			out = append(out, control.Outcome{Name: n, Fault: control.BadName})
		}
	}
	for _, n := range slices.Sorted(maps.Keys(u.Done)) {
		if u.Done[n] == "removed" && !o.NoWait && d.gone(ctx, n) {
			out = append(out, control.Outcome{Name: n, Done: "stopped"})
		}
		out = append(out, control.Outcome{Name: n, Done: u.Done[n] + " process group"})
	}
	for _, text := range u.Notes {
		name, what, _ := strings.Cut(text, ": ")
		out = append(out, control.Outcome{Name: name, Done: what})
	}
	d.written(ctx)
	return out, nil
}

// updated is what an update did, as a successor must know it to go on.
type updated struct {
	Done  map[string]string // to each group
	Added []string
	Notes []string // "NAME: SENTENCE"
}

// gone waits until nothing of a group is left; false when ctx ends before.
func (d *daemon) gone(ctx context.Context, group string) bool {
	for {
		snap, changed := d.loop.publish.get()
		if !slices.ContainsFunc(snap.views, func(v *view) bool { return v.Group == group }) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-d.loop.done:
			return false
		}
	}
}

func (d *daemon) known(name string, added []string) bool {
	snap, _ := d.loop.publish.get()
	return slices.Contains(added, name) ||
		slices.ContainsFunc(snap.views, func(v *view) bool { return v.Group == name || v.Program == name })
}

func (d *daemon) clear(ctx context.Context, names []string) (out []control.Outcome) {
	note := control.NoteOf(ctx)
	if note.Get(&out) {
		return out
	}
	defer func() { note.Set(out) }()
	found, bad := d.find(names)
	out = bad
	for _, s := range found {
		o := control.Outcome{Name: control.FullName(s.Group, s.Name), Done: "cleared"}
		for _, path := range []string{s.StdoutLog, s.StderrLog} {
			if path == "" || path == "-" {
				continue
			}
			if err := d.logs.Clear(path); err != nil {
				o.Done, o.Fault, o.Detail = "", control.Failed, err.Error()
			}
		}
		out = append(out, o)
	}
	return out
}

func (d *daemon) Tail(ctx context.Context, name, channel string, n int64, follow bool) (control.TailReader, control.Fault, error) {
	var at logs.Position
	resumes := follow && control.NoteOf(ctx).Get(&at)
	if resumes && at.Path != "" { // followed in the image before, whatever is configured now
		return d.resume(ctx, at)
	}
	path, fault := d.logPath(name, channel)
	if fault != control.NoFault {
		return nil, fault, fmt.Errorf("cannot read the log of %q: %s", name, fault)
	}
	if path == "" || path == "-" {
		return nil, control.NoFile, fmt.Errorf("%q has no %s log file: it is not captured, or goes to the supervisor's own output", name, channel)
	}
	if resumes { // by a client that has lost its supervisor; it does not name a path
		at.Path = path
		return d.resume(ctx, at)
	}
	if follow {
		f, err := d.logs.Follow(ctx, path, n)
		if err != nil {
			return nil, faultOf(err), err
		}
		return f, control.NoFault, nil
	}
	text, err := logs.Tail(path, n)
	if err != nil {
		return nil, faultOf(err), err
	}
	return io.NopCloser(bytes.NewReader(text)), control.NoFault, nil
}

func (d *daemon) resume(ctx context.Context, at logs.Position) (control.TailReader, control.Fault, error) {
	f, err := d.logs.Resume(ctx, at)
	if err != nil {
		return nil, faultOf(err), err
	}
	return f, control.NoFault, nil
}

func (d *daemon) logPath(name, channel string) (string, control.Fault) {
	if name == "" {
		return d.mainLog(), control.NoFault
	}
	found, _ := d.find([]string{name})
	if len(found) != 1 {
		return "", control.BadName
	}
	if channel == "stderr" {
		return found[0].StderrLog, control.NoFault
	}
	return found[0].StdoutLog, control.NoFault
}

func (d *daemon) mainLog() string {
	path := make(chan string, 1)
	if d.ask(context.Background(), mainLogRequest{path}) != nil {
		return ""
	}
	s, _ := answer(d.loop, path)
	return s
}

type mainLogRequest struct{ path chan string }

func (q mainLogRequest) do(l *loop) { q.path <- l.config.Supervisor.LogFile }

func faultOf(err error) control.Fault {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist) {
		return control.NoFile
	}
	return control.Failed
}
