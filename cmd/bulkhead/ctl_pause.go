package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) pause() *cobra.Command {
	return &cobra.Command{
		Use:   "pause NAME ...",
		Short: "Send the preset's pause signal: no new jobs",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "pause", Names: names})
		},
	}
}
