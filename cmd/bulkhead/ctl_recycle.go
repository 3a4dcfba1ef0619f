package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) recycle() *cobra.Command {
	return &cobra.Command{
		Use:   "recycle NAME ...",
		Short: "Replace instances gracefully: the job in hand ends first",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "recycle", Names: names})
		},
	}
}
