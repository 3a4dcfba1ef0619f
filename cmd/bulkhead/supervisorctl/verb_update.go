package supervisorctl

import (
	"context"
	"slices"
	"strings"
)

func (c *Controller) update(ctx context.Context, arg string) error {
	found, err := c.reloadConfig(ctx)
	switch {
	case faulted(err) == shutdownState:
		return c.fail(exitGeneric, "ERROR: already shutting down")
	case err != nil:
		return err
	}
	names := strings.Fields(arg)
	if slices.Contains(names, "all") {
		names = nil
	}
	if err := c.groupsExist(ctx, names, found.added); err != nil {
		return err
	}
	meant := func(group string) bool { return len(names) == 0 || slices.Contains(names, group) }
	for _, step := range []struct {
		groups []string
		do     func(context.Context, string) error
	}{{found.removed, c.dropGroup}, {found.changed, c.renewGroup}, {found.added, c.addGroup}} {
		for _, group := range step.groups {
			if !meant(group) {
				continue
			}
			if err := step.do(ctx, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// groupsExist complains of names that are no group, neither now nor after the update.
func (c *Controller) groupsExist(ctx context.Context, names, added []string) error {
	if len(names) == 0 {
		return nil
	}
	all, err := c.processes(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(added, name) && !slices.ContainsFunc(all, func(p process) bool { return p.group == name }) {
			_ = c.fail(exitGeneric, "ERROR: no such group: %s", name)
		}
	}
	return nil
}

func (c *Controller) dropGroup(ctx context.Context, group string) error {
	answer, err := c.server.call(ctx, "stopProcessGroup", group)
	if err != nil {
		return err
	}
	c.say("%s: stopped", group)
	if slices.ContainsFunc(structs(answer, resultOf), func(r result) bool { return r.status == failed }) {
		_ = c.fail(exitGeneric, "%s: has problems; not removing", group)
		return nil
	}
	if _, err := c.server.call(ctx, "removeProcessGroup", group); err != nil {
		return err
	}
	c.say("%s: removed process group", group)
	return nil
}

// renewGroup asks a bulkhead to apply what has changed of a group; a supervisord
// does not know how, and its group is stopped and started.
func (c *Controller) renewGroup(ctx context.Context, group string) error {
	switch _, err := c.server.own(ctx, "updateProcessGroup", group); {
	case err == nil:
		c.say("%s: updated process group", group)
		return nil
	case faulted(err) != unknownMethod:
		return err
	}
	if _, err := c.server.call(ctx, "stopProcessGroup", group); err != nil {
		return err
	}
	c.say("%s: stopped", group)
	if _, err := c.server.call(ctx, "removeProcessGroup", group); err != nil {
		return err
	}
	if _, err := c.server.call(ctx, "addProcessGroup", group); err != nil {
		return err
	}
	c.say("%s: updated process group", group)
	return nil
}

func (c *Controller) addGroup(ctx context.Context, group string) error {
	if _, err := c.server.call(ctx, "addProcessGroup", group); err != nil {
		return err
	}
	c.say("%s: added process group", group)
	return nil
}
