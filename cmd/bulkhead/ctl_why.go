package main

import (
	"github.com/spf13/cobra"
)

func (c *ctl) why() *cobra.Command {
	return &cobra.Command{
		Use:   "why NAME ...",
		Short: "Tell why the last runs of an instance ended, newest first",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return c.missing(cmd, "a process name", exitGeneric)
			}
			return c.showWhy(names)
		},
	}
}

func (c *ctl) showWhy(names []string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	found, bad, err := client.History(c.context(), names...)
	if err != nil {
		return err
	}
	if c.asJSON {
		for _, o := range bad {
			c.note("%s", outcomeLine("why", o))
		}
		if err := c.json(listed(found)); err != nil {
			return err
		}
		return ended(outcomesCode("why", bad))
	}
	c.outcomes("why", bad)
	for _, h := range found {
		c.history(h)
	}
	return ended(outcomesCode("why", bad))
}
