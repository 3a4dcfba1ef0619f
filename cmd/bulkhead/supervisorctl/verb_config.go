package supervisorctl

import (
	"context"
	"maps"
	"slices"
	"strings"
)

func (c *Controller) avail(ctx context.Context, arg string) error {
	if arg != "" {
		return c.misused("avail", exitGeneric, "Error: avail accepts no arguments")
	}
	answer, err := c.server.call(ctx, "getAllConfigInfo")
	switch {
	case faulted(err) == shutdownState:
		return c.fail(exitGeneric, "ERROR: supervisor shutting down")
	case err != nil:
		return err
	}
	for _, i := range structs(answer, configOf) {
		use, start := "avail", "manual"
		if i.inUse {
			use = "in use"
		}
		if i.autostart {
			start = "auto"
		}
		c.say("%-32s %-9s %-9s %d:%d", fullName(i.group, i.name), use, start, i.groupPrio, i.memberPrio)
	}
	return nil
}

// changes are the groups that a config that was read again adds, changes and drops.
type changes struct{ added, changed, removed []string }

func (c *Controller) reloadConfig(ctx context.Context) (changes, error) {
	answer, err := c.server.call(ctx, "reloadConfig")
	if err != nil {
		return changes{}, err
	}
	sets := make([]any, 3)
	if outer := list(answer); len(outer) > 0 {
		copy(sets, list(outer[0]))
	}
	return changes{words(sets[0]), words(sets[1]), words(sets[2])}, nil
}

func (c *Controller) reread(ctx context.Context, arg string) error {
	if arg != "" {
		return c.misused("reread", exitGeneric, "Error: reread accepts no arguments")
	}
	found, err := c.reloadConfig(ctx)
	switch faulted(err) {
	case shutdownState:
		return c.fail(exitGeneric, "ERROR: supervisor shutting down")
	case cantReread:
		return c.fail(exitGeneric, "ERROR: %s", faultText(err))
	}
	if err != nil {
		return err
	}
	became := map[string]string{}
	for _, set := range []struct {
		names []string
		word  string
	}{{found.added, "available"}, {found.changed, "changed"}, {found.removed, "disappeared"}} {
		for _, name := range set.names {
			became[name] = set.word
		}
	}
	for _, name := range slices.Sorted(maps.Keys(became)) {
		c.say("%s: %s", name, became[name])
	}
	if len(became) == 0 {
		c.say("No config updates to processes")
	}
	return nil
}

func (c *Controller) add(ctx context.Context, arg string) error {
	for _, name := range strings.Fields(arg) {
		_, err := c.server.call(ctx, "addProcessGroup", name)
		switch f := faulted(err); {
		case f == shutdownState:
			_ = c.fail(exitGeneric, "ERROR: shutting down")
		case f == alreadyAdded:
			c.say("ERROR: process group already active")
		case f == badName:
			_ = c.fail(exitGeneric, "ERROR: no such process/group: %s", name)
		case err != nil:
			return err
		default:
			c.say("%s: added process group", name)
		}
	}
	return nil
}

func (c *Controller) remove(ctx context.Context, arg string) error {
	for _, name := range strings.Fields(arg) {
		_, err := c.server.call(ctx, "removeProcessGroup", name)
		switch f := faulted(err); {
		case f == stillRunning:
			_ = c.fail(exitGeneric, "ERROR: process/group still running: %s", name)
		case f == badName:
			_ = c.fail(exitGeneric, "ERROR: no such process/group: %s", name)
		case err != nil:
			return err
		default:
			c.say("%s: removed process group", name)
		}
	}
	return nil
}
