package rpc

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"bulkhead/supervisor/xmlrpc"
)

// The states of an instance that methods ask about.
func (p Process) isRunning() bool {
	return p.StateName == "STARTING" || p.StateName == "RUNNING" || p.StateName == "BACKOFF"
}

func (p Process) isSignallable() bool {
	return p.StateName == "STARTING" || p.StateName == "RUNNING" || p.StateName == "STOPPING"
}

func getProcessInfo(ctx context.Context, i *Interface, a arguments) (any, error) {
	p, err := i.process(ctx, a.text(0))
	if err != nil {
		return nil, err
	}
	return info(p), nil
}

func getAllProcessInfo(ctx context.Context, i *Interface, _ arguments) (any, error) {
	out := xmlrpc.Array{}
	for _, p := range i.super.Processes(ctx) {
		out = append(out, info(p))
	}
	return out, nil
}

func info(p Process) xmlrpc.Struct {
	return xmlrpc.Struct{
		{Name: "name", Value: p.Name},
		{Name: "group", Value: p.Group},
		{Name: "start", Value: epoch(p.Start)},
		{Name: "stop", Value: epoch(p.Stop)},
		{Name: "now", Value: epoch(p.Now)},
		{Name: "state", Value: p.State},
		{Name: "statename", Value: p.StateName},
		{Name: "spawnerr", Value: p.SpawnErr},
		{Name: "exitstatus", Value: p.ExitStatus},
		{Name: "logfile", Value: p.StdoutLog},
		{Name: "stdout_logfile", Value: p.StdoutLog},
		{Name: "stderr_logfile", Value: p.StderrLog},
		{Name: "pid", Value: p.PID},
		{Name: "description", Value: p.Description},
	}
}

// epoch is 0 for never. It stays at the end of 32 bits, as supervisord's does.
func epoch(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return int(min(t.Unix(), math.MaxInt32))
}

// splitName takes a name apart as supervisord does; whole says that it means a group.
func splitName(full string) (group, name string, whole bool) {
	group, name, colon := strings.Cut(full, ":")
	if !colon {
		return full, full, false
	}
	return group, name, name == "" || name == "*"
}

// process finds the one instance that a name means.
func (i *Interface) process(ctx context.Context, full string) (Process, error) {
	group, name, whole := splitName(full)
	all := i.super.Processes(ctx)
	at := slices.IndexFunc(all, func(p Process) bool { return p.Group == group && p.Name == name })
	if whole || at < 0 {
		return Process{}, fault(BadName, full)
	}
	return all[at], nil
}

// members are the instances of a group, by priority.
func (i *Interface) members(ctx context.Context, group string) ([]Process, error) {
	if !slices.Contains(i.super.Groups(ctx), group) {
		return nil, fault(BadName, group)
	}
	return slices.DeleteFunc(i.byPriority(ctx), func(p Process) bool { return p.Group != group }), nil
}

// byPriority are all instances, by the priority of their group, then their own.
func (i *Interface) byPriority(ctx context.Context) []Process {
	all := slices.Clone(i.super.Processes(ctx))
	slices.SortStableFunc(all, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.GroupPriority, b.GroupPriority), cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	return all
}
