package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) scale() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scale NAME N",
		Short: "Run N instances of a program: only the difference is started or stopped",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return c.missing(cmd, "a program name and a number", exitGeneric)
			}
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 0 {
				c.say("Error: bad number %s", args[1])
				return exitCode(exitGeneric)
			}
			return c.order(control.Order{Verb: "scale", Names: args[:1], Count: n})
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { // a number below 0 looks like a flag
		c.say("Error: bad number %s", culprit(err))
		return exitCode(exitGeneric)
	})
	return cmd
}
