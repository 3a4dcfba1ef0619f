package supervisor

import (
	"context"
	"errors"
	"slices"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/rpc"
)

// supervisordVersion is the one whose interface is spoken: clients ask for it.
const supervisordVersion = "4.2.5"

// wireSide is the daemon as supervisord's clients see it.
type wireSide struct{ d *daemon }

var _ rpc.Supervisor = wireSide{}

func (w wireSide) About() rpc.About {
	a := rpc.About{Version: supervisordVersion, Identifier: w.d.identifier, PID: w.d.info.PID, State: rpc.Running}
	if snap, _ := w.d.loop.publish.get(); snap.ending {
		a.State = rpc.Shutdown
	}
	return a
}

func (w wireSide) Groups(context.Context) []string {
	snap, _ := w.d.loop.publish.get()
	return snap.groups
}

func (w wireSide) Processes(context.Context) []rpc.Process {
	snap, _ := w.d.loop.publish.get()
	now := time.Now()
	out := make([]rpc.Process, len(snap.views))
	for i, v := range snap.views {
		out[i] = processOf(v, now)
	}
	return out
}

// processOf leaves the readings out: supervisord's clients know none, and ask often.
func processOf(v *view, now time.Time) rpc.Process {
	s := v.Status
	if v.live != nil {
		s.UptimeSeconds = int64(now.Sub(s.StartedAt) / time.Second)
	}
	p := rpc.Process{
		Group: s.Group, Name: s.Name, GroupPriority: v.groupPriority, Priority: v.priority,
		Start: s.StartedAt, Stop: s.StoppedAt, Now: now,
		State: s.StateCode, StateName: s.State, PID: s.PID, ExitStatus: exitStatusOf(s),
		SpawnErr: spawnErrOf(s, v), StdoutLog: shownLog(s.StdoutLog, "stdout"), StderrLog: shownLog(s.StderrLog, "stderr"),
	}
	p.Description = control.DescribePlainly(s, p.SpawnErr)
	return p
}

// shownLog is a log's path as supervisord's clients know it.
func shownLog(path, channel string) string {
	if path == "-" {
		return "/dev/" + channel
	}
	return path
}

// view finds an instance by the name that an rpc.Process has.
func (w wireSide) view(name string) (*view, error) {
	snap, _ := w.d.loop.publish.get()
	if v := snap.get(name); v != nil {
		return v, nil
	}
	return nil, &rpc.Fault{Code: rpc.BadName, Detail: name}
}

func (w wireSide) Start(ctx context.Context, names []string, wait bool) ([]rpc.Result, error) {
	return w.order(ctx, control.Order{Verb: "start", Names: names, NoWait: !wait})
}

func (w wireSide) Stop(ctx context.Context, names []string, wait bool) ([]rpc.Result, error) {
	return w.order(ctx, control.Order{Verb: "stop", Names: names, NoWait: !wait})
}

func (w wireSide) Signal(ctx context.Context, names []string, signal string) ([]rpc.Result, error) {
	out, err := w.order(ctx, control.Order{Verb: "signal", Names: names, Signal: signal})
	for i := range out {
		if out[i].Code == rpc.BadSignal {
			out[i].Detail = signal
		}
	}
	return out, err
}

func (w wireSide) order(ctx context.Context, o control.Order) ([]rpc.Result, error) {
	if len(o.Names) == 0 && !control.NoteOf(ctx).Get(new([]ticket)) {
		return nil, nil
	}
	o.Names = slices.Clone(o.Names)
	for i, n := range o.Names {
		v, err := w.view(n)
		if err != nil {
			return nil, err
		}
		o.Names[i] = v.Group + ":" + v.Name // nothing but this one, should it be called "all"
	}
	outcomes, err := w.d.Do(ctx, o)
	if err != nil {
		return nil, faultOfError(err)
	}
	out := make([]rpc.Result, len(outcomes))
	for i, one := range outcomes {
		out[i] = rpc.Result{Name: one.Name, Code: rpc.Success}
		if one.Fault != control.NoFault {
			out[i].Code = rpc.CodeNamed(string(one.Fault))
		}
		if out[i].Code == rpc.Failed {
			out[i].Detail = one.Detail
		}
	}
	return out, nil
}

// faultOfError is a refusal in supervisord's terms.
func faultOfError(err error) error {
	var e *control.Error
	if !errors.As(err, &e) {
		return err
	}
	f := &rpc.Fault{Code: rpc.CodeNamed(string(e.Fault)), Detail: e.Message}
	if f.Code == rpc.ShutdownState {
		f.Detail = ""
	}
	return f
}

func (w wireSide) Shutdown(ctx context.Context) error {
	_, err := w.d.Do(ctx, control.Order{Verb: "shutdown"})
	return faultOfError(err)
}

// Restart has the binary on disk take over, as an upgrade does: it applies the config, and the
// programs run on. It answers once that can be done, before it is.
func (w wireSide) Restart(ctx context.Context) error {
	note := control.NoteOf(ctx)
	if note.Get(new(from)) {
		return nil // it has been done: we are the one after it
	}
	d := w.d
	if !d.upgrading.TryLock() {
		return &rpc.Fault{Code: rpc.Failed, Detail: "an upgrade is under way already"}
	}
	if err := d.rehearse(ctx); err != nil {
		d.upgrading.Unlock()
		return &rpc.Fault{Code: rpc.Failed, Detail: err.Error()}
	}
	go func() {
		defer d.upgrading.Unlock()
		q := &upgradeRequest{replace: d.replace, note: note, from: from{d.info.Version}, failed: make(chan error, 1)}
		if d.ask(context.Background(), q) == nil {
			answer(d.loop, q.failed) // what is wrong is told by the loop
		}
	}()
	return nil
}
