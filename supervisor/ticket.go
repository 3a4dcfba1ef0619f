package supervisor

import (
	"context"

	"bulkhead/supervisor/control"
)

// ticket follows one name of an order until its outcome is known. ended looks
// at the instance's newest view, nil when it is gone.
type ticket struct {
	name    string
	outcome control.Outcome
	ended   func(v *view) (control.Outcome, bool) // nil: the outcome is known
}

func refused(in *instance, f control.Fault, detail string) ticket {
	name := in.conf.FullName()
	return ticket{name: name, outcome: control.Outcome{Name: name, Fault: f, Detail: detail}}
}

func done(in *instance, what string) ticket {
	name := in.conf.FullName()
	return ticket{name: name, outcome: control.Outcome{Name: name, Done: what}}
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
			if t.ended == nil {
				continue
			}
			if o, ok := t.ended(snap.get(t.name)); ok {
				t.outcome, t.ended = o, nil
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
		out[i] = t.outcome
		if t.ended != nil {
			out[i] = control.Outcome{Name: t.name, Fault: control.Failed, Detail: "not done yet"}
		}
	}
	return out
}
