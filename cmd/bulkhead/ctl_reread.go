package main

import (
	"github.com/spf13/cobra"
)

func (c *ctl) reread() *cobra.Command {
	return &cobra.Command{
		Use:   "reread",
		Short: "Read the config again and show what update would do; nothing is changed",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			return c.showChanges()
		},
	}
}

func (c *ctl) showChanges() error {
	client, err := c.client()
	if err != nil {
		return err
	}
	changes, err := client.Reread(c.context())
	if err != nil {
		if code, ok := c.refused("reread", err); ok {
			return ended(code)
		}
		return err
	}
	if c.asJSON {
		return c.json(changes)
	}
	c.changes(changes)
	return nil
}
