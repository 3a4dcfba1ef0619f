package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

func (c *ctl) pid() *cobra.Command {
	return &cobra.Command{
		Use:   "pid [NAME ...]",
		Short: "Print the pid of instances, or of the supervisor",
		RunE:  func(_ *cobra.Command, names []string) error { return c.showPID(names) },
	}
}

// namedPID is an element of pid --json.
type namedPID struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

func (c *ctl) showPID(names []string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if len(names) == 0 {
		info, err := client.Version(c.context())
		if err != nil {
			return err
		}
		return c.pids([]namedPID{{Name: "bulkhead", PID: info.PID}})
	}
	all, _, err := client.Status(c.context())
	if err != nil {
		return err
	}
	code := exitOK
	var pids []namedPID
	for _, name := range names {
		found, bad := control.MatchStatus([]string{name}, all)
		if len(bad) > 0 {
			c.noProcess(name)
			code = exitGeneric
		}
		for _, s := range found {
			pids = append(pids, namedPID{s.FullName(), s.PID})
			if s.PID == 0 && name != "all" {
				code = exitNotRunning
			}
		}
		if !c.asJSON { // in between the complaints, as they come
			if err := c.pids(pids); err != nil {
				return err
			}
			pids = nil
		}
	}
	if c.asJSON {
		if err := c.pids(pids); err != nil {
			return err
		}
	}
	return ended(code)
}

func (c *ctl) noProcess(name string) {
	if c.asJSON {
		c.note("No such process %s", name)
		return
	}
	c.say("No such process %s", name)
}

func (c *ctl) pids(all []namedPID) error {
	if c.asJSON {
		return c.json(listed(all))
	}
	for _, p := range all {
		c.say("%d", p.PID)
	}
	return nil
}
