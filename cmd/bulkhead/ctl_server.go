package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulkhead/cmd/bulkhead/supervisorctl"
	"bulkhead/supervisor/control"
)

// target says where the supervisor is and who asks. Flags weigh more than what
// a file says, and both less than what was said in the shell.
func (c *ctl) target() (supervisorctl.Options, error) {
	if c.session != nil {
		return c.session.opts, nil
	}
	if c.found == nil {
		o, err := c.find()
		if err != nil {
			return o, err
		}
		c.found = &o
	}
	return *c.found, nil
}

func (c *ctl) find() (supervisorctl.Options, error) {
	o := supervisorctl.Options{Prompt: "bulkhead", Interactive: c.ask}
	s := supervisorctl.Settings{}
	for key, value := range map[string]string{"s": c.server, "u": c.user, "p": c.password, "r": c.keepIn} {
		if value != "" {
			s[key] = value
		}
	}
	if c.server == "" && isINI(c.config) {
		said, err := supervisorctl.FindServer(c.config)
		if err != nil {
			return o, err
		}
		o = o.With(said)
	}
	o = o.With(s)
	switch {
	case strings.HasPrefix(o.ServerURL, "http://"):
		return o, nil
	case o.ServerURL != "":
		_, err := socketOf(o.ServerURL)
		return o, err
	}
	path, auth, err := configured(c.config)
	if o.Username == "" {
		o.Username, o.Password = auth.Username, auth.Password
	}
	o.ServerURL = "unix://" + path
	return o, err
}

// isINI tells a supervisord.conf from a config of ours.
func isINI(file string) bool {
	ext := filepath.Ext(file)
	return ext == ".conf" || ext == ".ini"
}

// elsewhere runs before every verb: one that is meant for a supervisord is
// carried out here, in supervisorctl's way, and is then done.
func (c *ctl) elsewhere(cmd *cobra.Command, args []string) error {
	if cmd.Name() == "open" || cmd.Name() == "ctl" && len(args) == 0 {
		return nil // both ask where later
	}
	o, err := c.target()
	if err != nil || !c.isForeign(o) {
		return nil // whose complaint is the verb's own, after those about its arguments
	}
	if c.asJSON {
		return fmt.Errorf("cannot print JSON: %s is a supervisord", o.ServerURL)
	}
	line, err := asLine(cmd, args)
	if err != nil {
		return err
	}
	return c.foreign(o, line)
}

// isForeign reports whether it is not bulkhead that answers, but something
// that speaks supervisord's language.
func (c *ctl) isForeign(o supervisorctl.Options) bool {
	path, unix := strings.CutPrefix(o.ServerURL, "unix://")
	if !unix {
		return true // bulkhead's own protocol is not spoken over TCP
	}
	client := dial(path, o)
	info, err := client.Version(c.context())
	if err == nil {
		c.asked, c.info = client, info
		return false
	}
	client.Close()
	var dead *control.UnreachableError
	if !errors.As(err, &dead) || dead.Cause != control.NotBulkhead {
		return false
	}
	rpc := c.controller(o)
	defer rpc.Close()
	return rpc.Speaks(c.context())
}

// foreign has supervisorctl's code carry out a line. The error is its exit code.
func (c *ctl) foreign(o supervisorctl.Options, line string) error {
	rpc := c.controller(o)
	defer rpc.Close()
	done := rpc.Run(line)
	if c.session != nil {
		c.session.opts, c.session.done = rpc.Options(), done
	}
	return exitCode(rpc.Code())
}

func (c *ctl) controller(o supervisorctl.Options) *supervisorctl.Controller {
	return supervisorctl.New(o, c.input(), c.out, c.err)
}

// asLine writes a verb as supervisorctl takes it.
func asLine(cmd *cobra.Command, args []string) (string, error) {
	words := []string{}
	if cmd.Name() != "ctl" { // an unknown verb is an argument of ctl
		words = append(words, cmd.Name())
	}
	var err error
	own := cmd.LocalNonPersistentFlags() // a copy that knows no more which of them were given
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case own.Lookup(f.Name) == nil: // says whom to ask, not what
		case f.Name == "follow":
			words = append(words, "-f")
		case f.Name == "bytes":
			words = append(words, "-"+f.Value.String())
		default:
			err = usagef("cannot %s --%s: a supervisord has no such thing", cmd.Name(), f.Name)
		}
	})
	return strings.Join(append(words, args...), " "), err
}

// byRPC are the verbs that are asked for in supervisord's language everywhere.
func (c *ctl) byRPC() []*cobra.Command {
	var all []*cobra.Command
	for _, v := range [][2]string{
		{"add GROUP ...", "Start to run groups that reread found to be available"},
		{"avail", "Show all configured instances and whether they are in use"},
		{"fg NAME", "Show what an instance prints and hand it what is typed, until Ctrl-C"},
		{"reload", "Restart the supervisor, and with it everything"},
		{"remove GROUP ...", "Forget groups that do not run"},
	} {
		all = append(all, &cobra.Command{Use: v[0], Short: v[1], RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.target()
			if err != nil {
				return err
			}
			line, err := asLine(cmd, args)
			if err != nil {
				return err
			}
			return c.foreign(o, line)
		}})
	}
	return all
}

func (c *ctl) open() *cobra.Command {
	return &cobra.Command{
		Use:   "open URL",
		Short: "Show the status of the supervisor at URL; in the shell, go on with that one",
		RunE: func(_ *cobra.Command, args []string) error {
			at := strings.Join(args, " ")
			if !strings.HasPrefix(at, "unix:") && !strings.HasPrefix(at, "http:") {
				c.say("ERROR: url must be http:// or unix://")
				return exitCode(exitGeneric)
			}
			if c.session == nil {
				c.session = &session{opts: supervisorctl.Options{Interactive: c.ask}}
			}
			c.session.opts.ServerURL = at
			c.verb("status")
			return nil
		},
	}
}

// context ends with the line that the shell carries out. Outside of the shell
// a verb simply dies of Ctrl-C.
func (a *app) context() context.Context {
	if a.session != nil && a.session.ctx != nil {
		return a.session.ctx
	}
	return context.Background()
}
