package main

import (
	"github.com/spf13/cobra"
)

// versionOf is "ctl version": the server's, not ours.
func (c *ctl) versionOf() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the running supervisor",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			info, err := client.Version(c.context())
			if err != nil {
				return err
			}
			if c.asJSON {
				return c.json(info)
			}
			c.say("%s", info.Version)
			return nil
		},
	}
}
