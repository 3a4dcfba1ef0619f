package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) restart() *cobra.Command {
	var rolling bool
	cmd := &cobra.Command{
		Use:   "restart [--rolling] NAME ...",
		Short: "Stop and start instances; the config is not read again, see reread and update",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.order(control.Order{Verb: "restart", Names: names, Roll: rolling})
		},
	}
	cmd.Flags().BoolVar(&rolling, "rolling", false, "one after the other, by the program's recycle rules")
	return cmd
}
