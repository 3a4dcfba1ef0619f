package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) clear() *cobra.Command {
	return &cobra.Command{
		Use:   "clear NAME ...",
		Short: "Empty the logs of instances",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "clear", Names: names})
		},
	}
}
