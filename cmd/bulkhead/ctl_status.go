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
	var (
		full  []control.Status
		shown []control.Line
		bad   []control.Outcome
	)
	if c.asJSON {
		full, bad, err = client.Status(c.context(), names...)
		shown = control.LinesOf(full)
	} else {
		shown, bad, err = client.Lines(c.context(), names...)
	}
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
		if err := c.json(listed(full)); err != nil {
			return err
		}
		return ended(statusCode(shown, bad))
	}
	c.outcomes("status", bad)
	c.lines(shown)
	if sampled(shown) {
		c.enforcement(shown, c.info.Why)
	}
	return ended(statusCode(shown, bad))
}

func sampled(all []control.Line) bool {
	for _, s := range all {
		if s.Enforced == "sampling" || s.Enforced == "none" {
			return true
		}
	}
	return false
}
