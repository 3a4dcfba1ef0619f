package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead/cmd/bulkhead/supervisorctl"
	"bulkhead/supervisor/control"
)

// unnamed are the verbs that take no instances.
var unnamed = []string{"avail", "events", "maintail", "oom", "open", "reload", "reread", "shutdown", "upgrade", "version"}

// completeLine is the shell's completion.
func (c *ctl) completeLine(line string, pos int) (head string, found []string, tail string) {
	verbs := append(verbNames(c.ctl().Commands()), "exit", "quit")
	return supervisorctl.CompleteWord(line, pos, verbs, func(verb, word string) []string {
		if verb == "help" {
			return verbs
		}
		return c.candidates(verb, word)
	})
}

// completeArgs is what the completion scripts of bash, zsh and fish ask for.
func (c *ctl) completeArgs(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	names := slices.DeleteFunc(c.candidates(cmd.Name(), word), func(n string) bool { return !strings.HasPrefix(n, word) })
	return names, cobra.ShellCompDirectiveNoFileComp
}

// candidates are what a verb's argument may be, by what runs now.
func (c *ctl) candidates(verb, word string) []string {
	switch {
	case slices.Contains(unnamed, verb):
		return nil
	case verb == "add" || verb == "remove" || verb == "update":
		return supervisorctl.GroupNames(c.members())
	}
	return supervisorctl.ProcessNames(c.members(), word)
}

// members are the instances there are; none where nobody says.
func (c *ctl) members() []supervisorctl.Member {
	o, err := c.target()
	if err != nil {
		return nil
	}
	if c.isForeign(o) {
		rpc := c.controller(o)
		defer rpc.Close()
		all, _ := rpc.Members(c.context())
		return all
	}
	client := control.Dial(strings.TrimPrefix(o.ServerURL, "unix://"))
	defer client.Close()
	statuses, _, _ := client.Status(c.context())
	var all []supervisorctl.Member
	for _, s := range statuses {
		all = append(all, supervisorctl.Member{Group: s.Group, Name: s.Name})
	}
	return all
}
