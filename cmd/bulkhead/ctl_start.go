package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) start() *cobra.Command {
	return &cobra.Command{
		Use:   "start NAME ...",
		Short: "Start instances and wait until they are RUNNING",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitUsage)
			}
			return c.order(control.Order{Verb: "start", Names: names})
		},
	}
}
