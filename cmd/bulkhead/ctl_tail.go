package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead/supervisor/control"
)

// tailFlags are what tail and maintail share.
type tailFlags struct {
	follow bool
	bytes  int64
}

func (t *tailFlags) add(cmd *cobra.Command, c *ctl) {
	cmd.Flags().BoolVarP(&t.follow, "follow", "f", false, "go on until Ctrl-C")
	cmd.Flags().Int64Var(&t.bytes, "bytes", control.DefaultTail, "the last `N` bytes; also written -N")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		c.say("Error: bad argument %s", culprit(err))
		return exitCode(exitGeneric)
	})
}

// culprit takes the argument out of pflag's message.
func culprit(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, " in "); i >= 0 {
		return text[i+len(" in "):]
	}
	return text[strings.LastIndex(text, " ")+1:]
}

func (c *ctl) tail() *cobra.Command {
	var t tailFlags
	cmd := &cobra.Command{
		Use:   "tail [-f | -N] NAME [stdout|stderr]",
		Short: "Show the end of an instance's log",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return c.usageLine(cmd, "Error: too few arguments")
			case len(args) > 2:
				return c.usageLine(cmd, "Error: too many arguments")
			}
			channel := "stdout"
			if len(args) == 2 {
				channel = strings.ToLower(args[1])
			}
			if channel != "stdout" && channel != "stderr" {
				c.say("Error: bad channel '%s'", channel)
				return exitCode(exitGeneric)
			}
			return c.showLog(t, args[0], args[0], channel)
		},
	}
	t.add(cmd, c)
	return cmd
}

func (c *ctl) maintail() *cobra.Command {
	var t tailFlags
	cmd := &cobra.Command{
		Use:   "maintail [-f | -N]",
		Short: "Show the end of the supervisor's own log",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return c.usageLine(cmd, "Error: too many arguments")
			case len(args) == 1:
				c.say("Error: bad argument %s", args[0])
				return exitCode(exitGeneric)
			}
			return c.showLog(t, "", "supervisord", "stdout") // supervisorctl's name for it
		},
	}
	t.add(cmd, c)
	return cmd
}

func (c *ctl) usageLine(cmd *cobra.Command, text string) error {
	c.say("%s", text)
	c.say("%s", cmd.UseLine())
	return exitCode(exitGeneric)
}

func (c *ctl) openLog(ctx context.Context, client *control.Client, t tailFlags, name, channel string) (io.ReadCloser, error) {
	if t.follow {
		return client.FollowTail(ctx, name, channel, t.bytes, c.tell)
	}
	return client.Tail(ctx, name, channel, t.bytes, false)
}

// tell passes on what a follower has to say besides what it follows.
func (c *ctl) tell(sentence string) { c.note("%s", clean(sentence)) }

// showLog prints a log; shown is its name in complaints.
func (c *ctl) showLog(t tailFlags, name, shown, channel string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupt()
	defer stop()
	log, err := c.openLog(ctx, client, t, name, channel)
	var refused *control.Error
	switch {
	case errors.As(err, &refused):
		c.tailError(shown, refused.Fault)
		return exitCode(exitGeneric)
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer log.Close()
	if t.follow {
		c.say("==> Press Ctrl-C to exit <==")
	}
	_, err = io.Copy(c.out, log) // raw: a log is the program's own words
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read log of %q: %w", shown, err) // exit asks whether anybody was there
	}
	if !t.follow {
		c.say("")
	}
	return nil
}
