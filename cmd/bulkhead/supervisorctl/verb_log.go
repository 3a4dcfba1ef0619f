package supervisorctl

import (
	"context"
	"strconv"
	"strings"
)

const defaultTail = 1600 // bytes

func (c *Controller) tail(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	args := strings.Fields(arg)
	switch {
	case len(args) < 1:
		return c.misused("tail", exitGeneric, "Error: too few arguments")
	case len(args) > 3:
		return c.misused("tail", exitGeneric, "Error: too many arguments")
	}
	modifier := ""
	if strings.HasPrefix(args[0], "-") {
		modifier, args = args[0], args[1:]
	}
	if len(args) == 0 {
		return c.fail(exitGeneric, "Error: tail requires process name")
	}
	name, channel := args[0], "stdout"
	if len(args) > 1 {
		channel = strings.ToLower(args[len(args)-1])
	}
	if channel != "stdout" && channel != "stderr" {
		return c.fail(exitGeneric, "Error: bad channel '%s'", channel)
	}
	n, err := c.size(modifier)
	if err != nil {
		return err
	}
	if modifier == "-f" {
		c.follow(ctx, "/logtail/"+name+"/"+channel)
		return nil
	}
	method := "readProcessStdoutLog"
	if channel == "stderr" {
		method = "readProcessStderrLog"
	}
	answer, err := c.server.call(ctx, method, name, -n, 0)
	return c.log(name, answer, err)
}

func (c *Controller) maintail(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	args := strings.Fields(arg)
	modifier := ""
	switch {
	case len(args) > 1:
		return c.misused("maintail", exitGeneric, "Error: too many arguments")
	case len(args) == 1 && !strings.HasPrefix(args[0], "-"):
		return c.fail(exitGeneric, "Error: bad argument %s", args[0])
	case len(args) == 1:
		modifier = args[0]
	}
	n, err := c.size(modifier)
	if err != nil {
		return err
	}
	if modifier == "-f" {
		c.follow(ctx, "/mainlogtail")
		return nil
	}
	answer, err := c.server.call(ctx, "readLog", -n, 0)
	if faulted(err) == badName { // which this method does not have
		return err
	}
	return c.log("supervisord", answer, err)
}

// size reads the -N of tail.
func (c *Controller) size(modifier string) (int, error) {
	if modifier == "" || modifier == "-f" {
		return defaultTail, nil
	}
	n, err := strconv.ParseInt(modifier[1:], 10, 32)
	if err != nil {
		return 0, c.fail(exitGeneric, "Error: bad argument %s", modifier)
	}
	return int(n), nil
}

// log prints the end of a log, or why there is none to show.
func (c *Controller) log(name string, answer any, err error) error {
	words := ""
	switch faulted(err) {
	case noFile:
		words = "no log file"
	case failed:
		words = "unknown error reading log"
	case badName:
		words = "no such process name"
	}
	switch {
	case words != "":
		return c.fail(exitGeneric, "%s: ERROR (%s)", name, words)
	case err != nil:
		return err
	}
	c.say("%s", text(answer))
	return nil
}

// follow prints a log as it grows, until Ctrl-C.
func (c *Controller) follow(ctx context.Context, path string) {
	c.say("==> Press Ctrl-C to exit <==")
	c.stream(ctx, path)
	if ctx.Err() != nil {
		c.say("")
	}
}
