package main

import (
	"slices"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) update() *cobra.Command {
	return &cobra.Command{
		Use:   "update [GROUP ...]",
		Short: "Read the config again and start, stop and restart what it changed",
		RunE: func(_ *cobra.Command, names []string) error {
			if slices.Contains(names, "all") {
				names = nil
			}
			return c.order(control.Order{Verb: "update", Names: names})
		},
	}
}
