package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) upgrade() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade",
		Short: "Have the supervisor go on as the program that is on disk now; what it runs is not touched",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.tooMany(cmd)
			}
			return c.upgradeServer()
		},
	}
}

// upgradeServer is answered by the new program, or by the old one with what was
// wrong with the new one.
func (c *ctl) upgradeServer() error {
	client, err := c.client()
	if err != nil {
		return err
	}
	outcomes, err := client.Do(c.context(), control.Order{Verb: "upgrade"})
	if c.asJSON {
		if jerr := c.json(listed(outcomes)); jerr != nil {
			return jerr
		}
	} else {
		for _, o := range outcomes {
			c.upgraded(o)
		}
	}
	var refused *control.Error
	switch {
	case err == nil:
		return ended(outcomesCode("upgrade", outcomes))
	case !errors.As(err, &refused):
		return err
	case c.asJSON:
		return errors.New(cleanLines(refused.Error()))
	case refused.Fault == control.ShuttingDown:
		c.say("ERROR: shutting down")
	default:
		c.say("ERROR: %s", cleanLines(refused.Error()))
	}
	return exitCode(exitGeneric)
}

// upgraded prints what became of the supervisor, whose name says nothing here.
func (c *ctl) upgraded(o control.Outcome) {
	switch {
	case o.Fault != control.NoFault:
		c.say("%s", outcomeLine("upgrade", o))
	case o.Done == "":
		c.say("%s", done["upgrade"])
	default:
		c.say("%s", clean(o.Done))
	}
}

// cleanLines cleans a text that may have several lines.
func cleanLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}
