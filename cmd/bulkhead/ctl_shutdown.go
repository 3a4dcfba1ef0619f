package main

import (
	"errors"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) shutdown() *cobra.Command {
	return &cobra.Command{
		Use:   "shutdown",
		Short: "Stop everything and end the supervisor",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			if yes, err := c.confirm("Really shut the remote supervisord process down y/N? "); err != nil || !yes {
				return err
			}
			return c.shutDown()
		},
	}
}

func (c *ctl) shutDown() error {
	client, err := c.client()
	if err != nil {
		return err
	}
	_, err = client.Do(c.context(), control.Order{Verb: "shutdown"})
	var dead *control.UnreachableError
	switch {
	case err == nil:
		c.say("Shut down")
		return nil
	case errors.As(err, &dead) && dead.Cause == control.Refused:
		c.say("ERROR: %s refused connection (already shut down?)", dead.URL)
		return exitCode(exitGeneric)
	case errors.As(err, &dead) && dead.Cause == control.NoSocket:
		c.say("ERROR: %s no such file (already shut down?)", dead.URL)
		return exitCode(exitGeneric)
	}
	if code, ok := c.orderError("shutdown", err); ok {
		return ended(code)
	}
	return err
}
