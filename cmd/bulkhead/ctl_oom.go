package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

const showsOOM = 10

func (c *ctl) oom() *cobra.Command {
	var newest uint64
	cmd := &cobra.Command{
		Use:   "oom [-n N]",
		Short: "Show what the kernel has killed for want of memory, on the whole host, newest last",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			return c.showOOM(newest)
		},
	}
	cmd.Flags().Uint64VarP(&newest, "newest", "n", showsOOM, "the newest `N`; 0: all that are kept")
	return cmd
}

func (c *ctl) showOOM(newest uint64) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	log, err := client.OOM(c.context(), newest)
	if err != nil {
		return err
	}
	if log.Why != "" {
		c.note("%s", clean(log.Why))
	}
	if log.Lost > 0 {
		c.note("%d records of the kernel's log were overwritten before they were read: kills may be missing", log.Lost)
	}
	if c.asJSON {
		return c.json(listed(log.Kills))
	}
	if len(log.Kills) == 0 {
		c.say("No OOM kill is known")
	}
	for _, k := range log.Kills {
		c.oomKill(k)
	}
	return nil
}

// oomKill prints one kill: what, then one line for each circumstance.
func (a *app) oomKill(k control.OOMKill) {
	who := "not ours"
	if k.Name != "" {
		who = k.Name
	}
	a.say("%s %s: %s", k.At.Local().Format("2006-01-02 15:04:05"), who, clean(k.Words()))
	for _, c := range k.Circumstances() {
		a.say("      %s", clean(c))
	}
}
