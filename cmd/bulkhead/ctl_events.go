package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) events() *cobra.Command {
	var follow bool
	var after uint64
	cmd := &cobra.Command{
		Use:   "events [-f]",
		Short: "Show what happened: the events kept in memory, then, with -f, what follows",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			return c.showEvents(after, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until Ctrl-C")
	cmd.Flags().Uint64Var(&after, "after", 0, "only events with a serial above `SERIAL`")
	return cmd
}

func (c *ctl) showEvents(after uint64, follow bool) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupt()
	defer stop()
	lines := json.NewEncoder(c.out) // one object per line: a stream has no closing bracket
	each := func(e control.Event) error {
		if c.asJSON {
			return lines.Encode(e)
		}
		c.event(e)
		return nil
	}
	if follow {
		err = client.FollowEvents(ctx, after, each, c.tell)
	} else {
		err = client.Events(ctx, after, false, each)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
