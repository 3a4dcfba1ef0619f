package supervisorctl

import (
	"context"
	"errors"
	"strings"
	"sync"

	"bulkhead/supervisor/xmlrpc"
)

// fg shows what a process prints and hands it what the user types, until Ctrl-C.
func (c *Controller) fg(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	names := strings.Fields(arg)
	switch {
	case len(names) == 0:
		return c.misused("fg", exitGeneric, "ERROR: no process name supplied")
	case len(names) > 1:
		return c.fail(exitGeneric, "ERROR: too many process names supplied")
	}
	p, err := c.process(ctx, names[0])
	var f *xmlrpc.Fault
	switch {
	case faulted(err) == badName:
		return c.fail(exitGeneric, "ERROR: bad process name supplied")
	case errors.As(err, &f):
		c.say("ERROR: %s", shown(f))
		return nil
	case err != nil:
		return err
	case p.state != running:
		return c.fail(exitGeneric, "ERROR: process not running")
	}
	c.say("==> Press Ctrl-C to exit <==")
	c.foreground(ctx, names[0])
	c.say("Exiting foreground")
	return nil
}

func (c *Controller) foreground(ctx context.Context, name string) {
	watching, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	for _, channel := range []string{"stdout", "stderr"} {
		streams.Go(func() { c.stream(watching, "/logtail/"+name+"/"+channel) })
	}
	defer streams.Wait()
	defer stop()
	for {
		line, err := c.input.Line(ctx, "")
		if err != nil {
			return
		}
		_, err = c.server.call(ctx, "sendProcessStdin", name, line+"\n")
		switch {
		case ctx.Err() != nil:
			return
		case faulted(err) == notRunning:
			c.say("Process got killed")
			return
		case err != nil:
			c.say("ERROR: %s", traceback(err))
			return
		}
		if p, err := c.process(ctx, name); err == nil && p.state != running {
			c.say("Process got killed")
			return
		}
	}
}
