package supervisorctl

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

func (c *Controller) shutdown(ctx context.Context, arg string) error {
	if arg != "" {
		return c.misused("shutdown", exitGeneric, "Error: shutdown accepts no arguments")
	}
	if yes, err := c.confirm(ctx, "Really shut the remote supervisord process down y/N? "); err != nil || !yes {
		return err
	}
	_, err := c.server.call(ctx, "shutdown")
	switch {
	case faulted(err) == shutdownState:
		c.say("ERROR: already shutting down")
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.fail(exitGeneric, "ERROR: %s refused connection (already shut down?)", c.opts.ServerURL)
	case errors.Is(err, fs.ErrNotExist):
		return c.fail(exitGeneric, "ERROR: %s no such file (already shut down?)", c.opts.ServerURL)
	case err != nil:
		return err
	default:
		c.say("Shut down")
	}
	return nil
}

func (c *Controller) reload(ctx context.Context, arg string) error {
	if arg != "" {
		return c.misused("reload", exitGeneric, "Error: reload accepts no arguments")
	}
	if yes, err := c.confirm(ctx, "Really restart the remote supervisord process y/N? "); err != nil || !yes {
		return err
	}
	_, err := c.server.call(ctx, "restart")
	switch {
	case faulted(err) == shutdownState:
		return c.fail(exitGeneric, "ERROR: already shutting down")
	case err != nil:
		return err
	}
	c.say("Restarted supervisord")
	return nil
}

// confirm asks whether it is meant, where there is somebody to ask.
func (c *Controller) confirm(ctx context.Context, question string) (bool, error) {
	if !c.opts.Interactive {
		return true, nil
	}
	answer, err := c.input.Line(ctx, question)
	return strings.HasPrefix(strings.ToLower(answer), "y"), noInput(err)
}

func (c *Controller) version(ctx context.Context, arg string) error {
	if arg != "" {
		return c.misused("version", exitGeneric, "Error: version accepts no arguments")
	}
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	answer, err := c.server.call(ctx, "getSupervisorVersion")
	if err == nil {
		c.say("%s", text(answer))
	}
	return err
}

// open goes on with another server. How that one fares does not count.
func (c *Controller) open(ctx context.Context, arg string) error {
	if scheme, _, _ := strings.Cut(arg, ":"); scheme != "unix" && scheme != "http" {
		return c.fail(exitGeneric, "ERROR: url must be http:// or unix://")
	}
	c.opts.ServerURL = arg
	c.reconnect()
	code := c.code
	err := c.status(ctx, "")
	if err == nil || errors.Is(err, errTold) {
		c.code = code
	}
	return err
}

func (c *Controller) quit(context.Context, string) error {
	c.say("")
	return errQuit
}
