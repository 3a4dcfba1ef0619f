package main

import (
	"errors"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status [NAME ...]",
		Short: "Show instances: state, pid, uptime, memory, jobs",
		Long: `Show instances: state, pid, uptime, memory, jobs.

Exit code 3 when one of those shown is STOPPED, EXITED, FATAL or UNKNOWN, 4 for an unknown name
or a supervisor that cannot be reached.`,
		RunE: func(_ *cobra.Command, names []string) error { return c.showStatus(names) },
	}
}

func (c *ctl) showStatus(names []string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := c.context()
	ask := client.Lines
	if c.asJSON {
		ask = client.Status
	}
	found, bad, err := ask(ctx, names...)
	if dead := new(control.UnreachableError); errors.As(err, &dead) {
		c.complain(err)
		return exitCode(exitUnreachable) // supervisorctl: whatever the cause
	}
	if err != nil {
		return err
	}
	if c.asJSON {
		for _, o := range bad {
			c.note("%s", outcomeLine("status", o))
		}
		if err := c.json(listed(found)); err != nil {
			return err
		}
		return ended(statusCode(found, bad))
	}
	c.outcomes("status", bad)
	c.statuses(found)
	if sampled(found) {
		c.enforcement(found, c.info.Why)
	}
	return ended(statusCode(found, bad))
}

func sampled(all []control.Status) bool {
	for _, s := range all {
		if s.Enforced == "sampling" || s.Enforced == "none" {
			return true
		}
	}
	return false
}
