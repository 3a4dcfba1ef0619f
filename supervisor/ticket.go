package supervisor

import (
	"context"

	"bulkhead/supervisor/control"
)

// ticket follows one name of an order until its outcome is known. It is data:
// an upgrade hands it to the successor, which goes on following it.
type ticket struct {
	Name    string
	Outcome control.Outcome // once it is known, or when what is waited for has come
	Until   until
	Run     uint64 // what Until compares with
}

// until is what an order waits for.
type until uint8

const (
	known    until = iota // nothing: the outcome is known
	up                    // a run later than Run is up
	idle                  // nothing runs, and nothing is going to
	replaced              // that, or another run than Run
	renewed               // another run than Run is up
)

func refused(in *instance, f control.Fault, detail string) ticket {
	name := in.conf.FullName()
	return ticket{Name: name, Outcome: control.Outcome{Name: name, Fault: f, Detail: detail}}
}

func done(in *instance, what string) ticket {
	name := in.conf.FullName()
	return ticket{Name: name, Outcome: control.Outcome{Name: name, Done: what}}
}

// look says what became of the order; v is the instance's newest view, nil when it is gone.
func (t ticket) look(v *view) (o control.Outcome, ended bool) {
	switch t.Until {
	case up:
		return startEnded(t.Outcome, v, t.Run)
	case idle:
		return t.Outcome, v == nil || v.idle
	case replaced:
		return t.Outcome, v == nil || v.idle || v.Run != t.Run
	case renewed:
		if v != nil && v.Run == t.Run && !v.idle && v.State != "BACKOFF" {
			return t.Outcome, false
		}
		return startEnded(t.Outcome, v, t.Run)
	}
	return t.Outcome, true
}

// startEnded is supervisord's judgement of a start: RUNNING is started, a run
// that could not be had is a spawn error, one that ended is abnormal.
func startEnded(o control.Outcome, v *view, before uint64) (control.Outcome, bool) {
	fault := func(f control.Fault, detail string) (control.Outcome, bool) {
		o.Done, o.Fault, o.Detail = "", f, detail
		return o, true
	}
	switch {
	case v == nil:
		return fault(control.AbnormalTermination, "it left the config")
	case v.HeldBack:
		return fault(control.Failed, control.HeldBack+"; it is started when there is room")
	case v.lastN == before && !v.idle: // still ending its last run
		return o, false
	case v.lastN == before:
		return fault(control.AbnormalTermination, "it was stopped before it started")
	case v.State == "RUNNING":
		return o, true
	case v.State == "STARTING", v.State == "STOPPING":
		return o, false
	case v.failure != "":
		return fault(control.SpawnError, v.failure)
	case v.State == "BACKOFF", v.State == "FATAL":
		return fault(control.SpawnError, v.lastWords())
	}
	return fault(control.AbnormalTermination, v.lastWords())
}

// lastWords is why the last run ended, in a few words.
func (v *view) lastWords() string {
	if v.LastReason == nil {
		return ""
	}
	return v.LastReason.Words()
}

// follow waits until every ticket's outcome is known, or ctx ends.
func (l *loop) follow(ctx context.Context, tickets []ticket) []control.Outcome {
	for {
		snap, changed := l.publish.get()
		open := false
		for i := range tickets {
			t := &tickets[i]
			if t.Until == known {
				continue
			}
			if o, ended := t.look(snap.get(t.Name)); ended {
				t.Outcome, t.Until = o, known
				continue
			}
			open = true
		}
		if !open {
			break
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
		case <-l.done:
		}
		break
	}
	out := make([]control.Outcome, len(tickets))
	for i, t := range tickets {
		out[i] = t.Outcome
		if t.Until != known {
			out[i] = control.Outcome{Name: t.Name, Fault: control.Failed, Detail: "not done yet"}
		}
	}
	return out
}
