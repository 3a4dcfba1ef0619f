package supervisorctl

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"bulkhead/supervisor/xmlrpc"
)

func (c *Controller) status(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		if errors.Is(err, errTold) {
			c.code = exitStatusUnknown // whatever the cause
		}
		return err
	}
	all, err := c.processes(ctx)
	if err != nil {
		return err
	}
	found, bad := matching(all, strings.Fields(arg))
	for _, name := range bad {
		if group, _, whole := splitName(name); whole {
			_ = c.fail(exitStatusUnknown, "%s: ERROR (no such group)", group)
		} else {
			_ = c.fail(exitStatusUnknown, "%s: ERROR (no such process)", name)
		}
	}
	c.statuses(found)
	if slices.ContainsFunc(found, process.rests) {
		c.code = exitStatusStopped
	}
	return nil
}

func (p process) rests() bool {
	return p.state == stopped || p.state == exited || p.state == fatal || p.state == unknown
}

func (c *Controller) processes(ctx context.Context) ([]process, error) {
	answer, err := c.server.call(ctx, "getAllProcessInfo")
	return structs(answer, processOf), err
}

// matching is all that names mean, name after name, and the names that mean nothing.
func matching(all []process, names []string) (found []process, bad []string) {
	if len(names) == 0 || slices.Contains(names, "all") {
		return all, nil
	}
	for _, name := range names {
		group, member, whole := splitName(name)
		before := len(found)
		for _, p := range all {
			if p.group == group && (whole || p.name == member) {
				found = append(found, p)
			}
		}
		if len(found) == before {
			bad = append(bad, name)
		}
	}
	return found, bad
}

func (c *Controller) statuses(all []process) {
	width := 30
	for _, p := range all {
		width = max(width, utf8.RuneCountInString(p.fullName()))
	}
	for _, p := range all {
		c.say("%-*s%-10s%s", width+3, p.fullName(), p.stateName, p.description)
	}
}

func (c *Controller) pid(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	names := strings.Fields(arg)
	if len(names) == 0 {
		pid, err := c.server.call(ctx, "getPID")
		if err == nil {
			c.say("%d", number(pid))
		}
		return err
	}
	if slices.Contains(names, "all") {
		all, err := c.processes(ctx)
		for _, p := range all {
			c.say("%d", p.pid)
		}
		return err
	}
	for _, name := range names {
		p, err := c.process(ctx, name)
		switch {
		case faulted(err) == badName:
			_ = c.fail(exitGeneric, "No such process %s", name)
		case err != nil:
			return err
		case p.pid == 0:
			_ = c.fail(exitNotRunning, "0")
		default:
			c.say("%d", p.pid)
		}
	}
	return nil
}

func (c *Controller) process(ctx context.Context, name string) (process, error) {
	answer, err := c.server.call(ctx, "getProcessInfo", name)
	m, _ := answer.(xmlrpc.Struct)
	return processOf(m), err
}
