package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) resume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume NAME ...",
		Short: "Send the preset's resume signal",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "resume", Names: names})
		},
	}
}
