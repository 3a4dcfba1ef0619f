package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulkhead/supervisor/xmlrpc"
)

// order is one of start, stop and signal: whom it is for, and how it is given.
type order struct {
	fits    func(Process) bool // whom of a group it is for
	check   func(ctx context.Context, name string) error
	give    func(ctx context.Context, names []string) ([]Result, error)
	waiting bool
}

func (i *Interface) starting(wait bool) order {
	return order{
		fits:  func(p Process) bool { return !p.isRunning() },
		check: i.super.Runnable, // before the state, as supervisord does
		give: func(ctx context.Context, names []string) ([]Result, error) {
			return i.super.Start(ctx, names, wait)
		},
		waiting: wait,
	}
}

func (i *Interface) stopping(wait bool) order {
	return order{
		fits: Process.isRunning,
		give: func(ctx context.Context, names []string) ([]Result, error) {
			return i.super.Stop(ctx, names, wait)
		},
	}
}

func (i *Interface) signalling(signal string) order {
	return order{
		fits: Process.isSignallable,
		give: func(ctx context.Context, names []string) ([]Result, error) {
			return i.super.Signal(ctx, names, signal)
		},
	}
}

func startProcess(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.one(ctx, a.text(0), i.starting(a.yes(1)))
}

func startProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.group(ctx, a.text(0), i.starting(a.yes(1)))
}

func startAllProcesses(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.all(ctx, i.byPriority(ctx), i.starting(a.yes(0)))
}

func stopProcess(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.one(ctx, a.text(0), i.stopping(a.yes(1)))
}

func stopProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.group(ctx, a.text(0), i.stopping(a.yes(1)))
}

func stopAllProcesses(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.all(ctx, i.byPriority(ctx), i.stopping(a.yes(0)))
}

func signalProcess(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.one(ctx, a.text(0), i.signalling(a.text(1)))
}

func signalProcessGroup(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.group(ctx, a.text(0), i.signalling(a.text(1)))
}

func signalAllProcesses(ctx context.Context, i *Interface, a arguments) (any, error) {
	return i.all(ctx, i.byPriority(ctx), i.signalling(a.text(0)))
}

// one gives an order to an instance, or to the group that "group:*" means.
func (i *Interface) one(ctx context.Context, name string, o order) (any, error) {
	if group, _, whole := splitName(name); whole {
		if _, err := i.members(ctx, group); err != nil {
			return nil, fault(BadName, name)
		}
		return i.group(ctx, group, o)
	}
	p, err := i.process(ctx, name)
	if err != nil {
		return nil, err
	}
	if o.check != nil {
		if err := o.check(ctx, p.FullName()); err != nil {
			return nil, err
		}
	}
	results, err := o.give(ctx, []string{p.FullName()})
	switch {
	case err != nil:
		return nil, err
	case len(results) != 1:
		return nil, errors.New("the supervisor gave no answer")
	}
	return done(results[0].fault(name))
}

func (i *Interface) group(ctx context.Context, name string, o order) (any, error) {
	members, err := i.members(ctx, name)
	if err != nil {
		return nil, err
	}
	return i.all(ctx, members, o)
}

// all gives an order to those it is for and answers with a struct for each. Who
// cannot even begin comes first where it is waited for the others: so supervisord
// answers, in the order in which it knows.
func (i *Interface) all(ctx context.Context, among []Process, o order) (any, error) {
	var fit []Process
	var names []string
	early := map[string]error{}
	for _, p := range among {
		if !o.fits(p) {
			continue
		}
		fit = append(fit, p)
		if o.check != nil {
			if err := o.check(ctx, p.FullName()); err != nil {
				early[p.FullName()] = err
				continue
			}
		}
		names = append(names, p.FullName())
	}
	results, err := o.give(ctx, names)
	if err != nil {
		return nil, err
	}
	first, later := xmlrpc.Array{}, xmlrpc.Array{}
	for _, p := range fit {
		err, failed := early[p.FullName()]
		at := slices.IndexFunc(results, func(r Result) bool { return r.Name == p.FullName() })
		switch {
		case failed && o.waiting:
			first = append(first, status(p.FullName(), err))
		case failed:
			later = append(later, status(p.FullName(), err))
		case at >= 0:
			later = append(later, status(p.FullName(), results[at].fault(p.FullName())))
			results = slices.Delete(results, at, at+1)
		}
	}
	for _, r := range results { // of an order that the image before has taken, when others were fit
		later = append(later, status(r.Name, r.fault(r.Name)))
	}
	return append(first, later...), nil
}

// fault is what a result says as an error; name is the instance's as the caller wrote it.
func (r Result) fault(name string) error {
	if r.Code == Success {
		return nil
	}
	detail := name
	if r.Detail != "" {
		detail = strings.ReplaceAll(r.Detail, "\n", " ")
	}
	return fault(r.Code, detail)
}

// status is the answer for one instance among several.
func status(full string, err error) xmlrpc.Struct {
	code, text := int(Success), "OK"
	if err != nil {
		f := faultOf(err)
		code, text = f.Code, f.String
	}
	group, name, _ := splitName(full)
	return xmlrpc.Struct{
		{Name: "name", Value: name},
		{Name: "group", Value: group},
		{Name: "status", Value: code},
		{Name: "description", Value: text},
	}
}
