package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) signal() *cobra.Command {
	return &cobra.Command{
		Use:   "signal SIG NAME ...",
		Short: "Send a signal to the main process of instances",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return c.missing(cmd, "a signal name and a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "signal", Signal: args[0], Names: args[1:]})
		},
	}
}
