package supervisorctl

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bulkhead/supervisor/xmlrpc"
)

// deed is a verb that is done to each of the processes that names mean.
type deed struct {
	all, group, one string // methods: of everything, of a group, of one
	extra           []any  // what they take besides a name
	said            func(result) (string, error)
	pardoned        int // a fault that is as good as success
	noGroup         int // exit code of a group that is not there
}

// each does a deed to what names mean and says what came of it.
func (c *Controller) each(ctx context.Context, d deed, names []string) error {
	if slices.Contains(names, "all") {
		answer, err := c.server.call(ctx, d.all, d.extra...)
		if err != nil {
			return err
		}
		return c.results(d, structs(answer, resultOf))
	}
	for _, name := range names {
		group, member, whole := splitName(name)
		if !whole {
			if err := c.single(ctx, d, name, group, member); err != nil {
				return err
			}
			continue
		}
		answer, err := c.server.call(ctx, d.group, append([]any{group}, d.extra...)...)
		switch {
		case faulted(err) == badName:
			_ = c.fail(d.noGroup, "%s: ERROR (no such group)", group)
		case err != nil:
			return err
		}
		if err := c.results(d, structs(answer, resultOf)); err != nil {
			return err
		}
	}
	return nil
}

// single does a deed to one process.
func (c *Controller) single(ctx context.Context, d deed, name, group, member string) error {
	_, err := c.server.call(ctx, d.one, append([]any{name}, d.extra...)...)
	r := result{group: group, name: member, status: success}
	var f *xmlrpc.Fault
	switch {
	case errors.As(err, &f):
		r.status, r.description = f.Code, f.String
	case err != nil:
		return err
	}
	return c.results(d, []result{r})
}

func (c *Controller) results(d deed, all []result) error {
	for _, r := range all {
		line, err := d.said(r)
		if err != nil {
			return err
		}
		c.say("%s", line)
		c.judge(r.status, d.pardoned)
	}
	return nil
}

// wording turns a result into a line: done after the name, or the words of a
// fault in parentheses. A fault without words is one that the verb never has.
func wording(done string, faults map[int]string) func(result) (string, error) {
	return func(r result) (string, error) {
		name := fullName(r.group, r.name)
		if r.status == success {
			return name + ": " + done, nil
		}
		if words, ok := faults[r.status]; ok {
			return fmt.Sprintf("%s: ERROR (%s)", name, words), nil
		}
		return "", valueError(fmt.Sprintf("Unknown result code %d for %s", r.status, name))
	}
}
