package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead/cmd/bulkhead/supervisorctl"
)

// session is what lasts from line to line of the shell.
type session struct {
	opts supervisorctl.Options
	ctx  context.Context // of the line in hand
	done bool
}

// shell reads lines and runs each as a command line of its own.
func (c *ctl) shell() error {
	o, err := c.target()
	if err != nil {
		return err
	}
	o.Interactive = true
	c.session = &session{opts: o}
	c.in = supervisorctl.NewInput(os.Stdin, c.out, o.History, c.completeLine)
	supervisorctl.Shell(o.Prompt, c.in, c.out, c.line)
	return c.in.Close()
}

// line carries out what was typed.
func (c *ctl) line(text string) (done bool) {
	verb, arg, ok := supervisorctl.ParseLine(text)
	switch {
	case !ok:
		return false
	case verb == "quit" || verb == "exit" || verb == "EOF":
		c.say("")
		return true
	case verb == "": // "!x", which is nothing
		c.say("*** Unknown syntax: %s", text)
		return false
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c.session.ctx = ctx
	defer func() { c.session.ctx = nil }() // completion asks between two lines
	c.verb(append([]string{verb}, strings.Fields(arg)...)...)
	return c.session.done
}

// verb runs words as the arguments of a ctl of its own in the same session.
// What goes wrong is said, and that is that.
func (c *ctl) verb(words ...string) {
	a := &app{out: c.out, err: c.err, in: c.in, session: c.session}
	root := a.root()
	root.SetArgs(tailArgs(append([]string{"ctl"}, words...)))
	if err := root.Execute(); c.context().Err() == nil {
		a.exit(err)
	} else {
		c.say("") // Ctrl-C: the prompt begins a line
	}
}

// input is the shell's, or standard input for the one question that a verb has.
func (c *ctl) input() supervisorctl.Input {
	if c.in == nil {
		c.in = supervisorctl.NewInput(os.Stdin, c.out, "", nil)
	}
	return c.in
}

// confirm asks whether it is meant, where there is somebody to ask.
func (c *ctl) confirm(question string) (bool, error) {
	if !c.ask && (c.session == nil || !c.session.opts.Interactive) {
		return true, nil
	}
	answer, err := c.input().Line(c.context(), question)
	if err != nil {
		return false, nil // neither an answer nor a yes
	}
	return strings.HasPrefix(strings.ToLower(answer), "y"), nil
}

func (c *ctl) help() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "List the commands, or say what one does",
		RunE: func(cmd *cobra.Command, args []string) error {
			verbs := cmd.Parent().Commands()
			if len(args) == 0 {
				supervisorctl.Topics(c.out, "bulkhead commands (type help <topic>):", append(verbNames(verbs), "exit", "quit"))
				return nil
			}
			for _, v := range verbs {
				if v.Name() == args[0] {
					return v.Help()
				}
			}
			if text := supervisorctl.Help(args[0]); text != "" && len(args) == 1 { // a word of the shell alone
				c.say("%s", text)
				return nil
			}
			c.say("*** No help on %s", strings.Join(args, " "))
			return nil
		},
	}
}

func verbNames(verbs []*cobra.Command) []string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.Name())
	}
	slices.Sort(names)
	return names
}
