package supervisor

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/rpc"
)

func (w wireSide) Reload(ctx context.Context) (added, changed, removed []string, err error) {
	c, err := w.d.read()
	if err != nil {
		return nil, nil, nil, &rpc.Fault{Code: rpc.CantReread, Detail: err.Error()}
	}
	q := affordRequest{c, make(chan affordable, 1)}
	if err := w.d.ask(ctx, q); err != nil {
		return nil, nil, nil, faultOfError(err)
	}
	a, ok := answer(w.d.loop, q.answer)
	if !ok {
		return nil, nil, nil, faultOfError(errEnded())
	}
	if a.err != nil {
		return nil, nil, nil, &rpc.Fault{Code: rpc.CantReread, Detail: a.err.Error()}
	}
	old := a.inForce
	w.d.lastRead.Store(c)
	added, changed, removed = conf.Diff(old, c).Groups(old, c)
	return added, changed, removed, nil
}

// affordRequest asks for the config in force, and whether another may follow it. A client
// of supervisord removes a group before it adds what has become of it: what cannot be had is
// to be refused before that.
type affordRequest struct {
	next   *conf.Config
	answer chan affordable
}

type affordable struct {
	inForce *conf.Config
	err     error
}

func (q affordRequest) do(l *loop) {
	_, err := l.afford(q.next, control.CantReread)
	q.answer <- affordable{l.config, err}
}

func (w wireSide) AddGroup(ctx context.Context, group string) error {
	return w.change(ctx, &groupRequest{group: group, config: w.d.lastRead.Load(), done: make(chan error, 1)})
}

func (w wireSide) RemoveGroup(ctx context.Context, group string) error {
	return w.change(ctx, &groupRequest{group: group, done: make(chan error, 1)})
}

func (w wireSide) UpdateGroup(ctx context.Context, group string) error {
	out, err := w.d.Do(ctx, control.Order{Verb: "update", Names: []string{group}})
	if err != nil {
		return faultOfError(err)
	}
	if slices.ContainsFunc(out, func(o control.Outcome) bool { return o.Fault == control.BadName }) {
		return &rpc.Fault{Code: rpc.BadName, Detail: group}
	}
	return nil
}

func (w wireSide) change(ctx context.Context, q *groupRequest) error {
	q.note = control.NoteOf(ctx)
	if q.note.Get(new(bool)) {
		return nil // the image before has done it
	}
	if err := w.d.ask(ctx, q); err != nil {
		return faultOfError(err)
	}
	err, ok := answer(w.d.loop, q.done)
	if !ok {
		return faultOfError(errEnded())
	}
	w.d.written(ctx)
	return err
}

// groupRequest takes a group of a config into service, or without a config out of it.
type groupRequest struct {
	group  string
	config *conf.Config
	note   *control.Note
	done   chan error
}

func (q *groupRequest) do(l *loop) {
	err := q.carryOut(l)
	if err == nil {
		q.note.Set(true)
	}
	q.done <- err
}

func (q *groupRequest) carryOut(l *loop) error {
	if l.ending != nil {
		return &rpc.Fault{Code: rpc.ShutdownState}
	}
	l.collect() // what is stopped and gone is not there any more
	var members []*program
	for _, p := range l.inOrder() {
		if p.conf.GroupName == q.group {
			members = append(members, p)
		}
	}
	if q.config != nil {
		return q.add(l, len(members) > 0)
	}
	return q.remove(l, members)
}

func (q *groupRequest) add(l *loop, there bool) error {
	switch names := q.config.ProgramsOf(q.group); {
	case names == nil:
		return &rpc.Fault{Code: rpc.BadName, Detail: q.group}
	case there:
		return &rpc.Fault{Code: rpc.AlreadyAdded, Detail: q.group}
	default:
		l.apply(q.config, conf.Diff(l.config, q.config), names)
		return nil
	}
}

func (q *groupRequest) remove(l *loop, members []*program) error {
	if len(members) == 0 {
		return &rpc.Fault{Code: rpc.BadName, Detail: q.group}
	}
	for _, p := range members {
		if slices.ContainsFunc(p.instances, func(in *instance) bool { return !in.idle() }) {
			return &rpc.Fault{Code: rpc.StillRunning, Detail: q.group}
		}
	}
	c := *l.config
	c.Programs = slices.Clone(c.Programs)
	for _, p := range members {
		c.Programs = slices.DeleteFunc(c.Programs, func(d conf.Program) bool { return d.Name == p.conf.Name })
		for _, in := range p.instances {
			in.leaving = true
		}
	}
	l.config = &c
	l.collect()
	l.event(nil, 0, control.Event{Kind: "config", Name: q.group, Message: q.group + ": removed"})
	return nil
}

func (w wireSide) Configs(ctx context.Context) []rpc.Config {
	c := w.d.lastRead.Load()
	inUse := w.Groups(ctx)
	var out []rpc.Config
	for i := range c.Programs {
		for _, in := range c.Programs[i].Instances {
			one := configOf(c, &c.Programs[i], in)
			if one.InUse = slices.Contains(inUse, in.Group); one.InUse { // only then it has its own logs
				w.named(&one.Stdout, &in, "stdout")
				w.named(&one.Stderr, &in, "stderr")
			}
			out = append(out, one)
		}
	}
	return out
}

func configOf(c *conf.Config, p *conf.Program, in conf.Instance) rpc.Config {
	out := rpc.Config{
		Group: in.Group, Name: in.Name, GroupPriority: p.GroupPriority, Priority: p.Priority,
		AutoStart: p.AutoStart, Directory: in.Directory, UID: -1, Command: cmp.Or(in.Line, quoted(in.Argv)), ExitCodes: p.ExitCodes,
		KillAsGroup: p.KillAsGroup, RedirectStderr: in.RedirectStderr, StartRetries: p.StartRetries,
		StartSecs: seconds(p.StartSecs), StopSignal: int(p.StopSignal), StopWaitSecs: seconds(p.StopWait),
		Stdout: outputOf(in.Stdout, p.StdoutCapture, "stdout"), Stderr: outputOf(in.Stderr, p.StderrCapture, "stderr"),
	}
	if p.User != nil {
		out.UID = int(p.User.UID)
	}
	if p.ServerURL != c.Supervisor.ServerURL {
		out.ServerURL = p.ServerURL
	}
	return out
}

// named gives an output the log that we have named.
func (w wireSide) named(out *rpc.Output, in *conf.Instance, channel string) {
	if out.LogFile == "auto" {
		out.LogFile = w.d.loop.auto.target(in, channel).Path
	}
}

// seconds are whole ones, as XML-RPC's clients expect them; a fraction counts as one.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

func outputOf(t conf.LogTarget, c conf.Capture, channel string) rpc.Output {
	out := rpc.Output{LogFile: shownLog(t.Path, channel), MaxBytes: int(t.MaxBytes), Backups: t.Backups,
		CaptureMaxBytes: int(c.MaxBytes), Events: c.Events, Syslog: c.Syslog}
	if t.Path == conf.Auto {
		out.LogFile = "auto"
	}
	return out
}

// quoted writes a command as a shell would read it.
func quoted(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		plain := w != "" && !strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_", r)
		})
		if words[i] = w; !plain {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
		}
	}
	return strings.Join(words, " ")
}
