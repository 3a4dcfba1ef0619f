package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) stop() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "stop [--now] NAME ...",
		Short: "Stop instances and wait until their cgroups are empty",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "stop", Names: names, Now: now})
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "kill at once, without a stop signal")
	return cmd
}
