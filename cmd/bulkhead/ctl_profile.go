package main

import (
	"slices"

	"github.com/spf13/cobra"

	"bulkhead/conf"
	"bulkhead/supervisor/control"
)

func (c *ctl) profile() *cobra.Command {
	return &cobra.Command{
		Use:   "profile [strict|permissive] [NAME ...]",
		Short: "Show what programs over max_memory are in for, or switch it until the next update",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return c.profiles()
			case args[0] != conf.Strict && args[0] != conf.Permissive:
				c.say("Error: bad profile %s, want strict or permissive", args[0])
				return exitCode(exitGeneric)
			}
			return c.order(control.Order{Verb: "profile", Names: args[1:], Profile: args[0]})
		},
	}
}

// programProfile is what one program is in for.
type programProfile struct {
	Program string `json:"program"`
	Profile string `json:"profile"`
}

func (c *ctl) profiles() error {
	client, err := c.client()
	if err != nil {
		return err
	}
	all, _, err := client.Status(c.context())
	if err != nil {
		return err
	}
	list := []programProfile{}
	for _, s := range all {
		if p := (programProfile{s.Program, s.Profile}); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if c.asJSON {
		return c.json(list)
	}
	for _, p := range list {
		c.say("%s: %s", p.Program, p.Profile)
	}
	return nil
}
