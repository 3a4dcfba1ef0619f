package supervisorctl

import (
	"context"
	"slices"
	"strings"
)

var startWords = wording("started", map[int]string{
	badName:             "no such process",
	noFile:              "no such file",
	notExecutable:       "file is not executable",
	alreadyStarted:      "already started",
	spawnError:          "spawn error",
	abnormalTermination: "abnormal termination",
})

func (c *Controller) start(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	names := strings.Fields(arg)
	if len(names) == 0 {
		return c.misused("start", exitInvalidArgs, "Error: start requires a process name")
	}
	return c.each(ctx, deed{
		all: "startAllProcesses", group: "startProcessGroup", one: "startProcess",
		said: startWords, pardoned: alreadyStarted, noGroup: exitInvalidArgs,
	}, names)
}

// signalled words what a signal came to; a stop is one. The text of a failure
// is the server's own.
func signalled(done string) func(result) (string, error) {
	words := wording(done, map[int]string{
		badName:    "no such process",
		badSignal:  "bad signal name",
		notRunning: "not running",
	})
	return func(r result) (string, error) {
		if r.status == failed {
			return r.description, nil
		}
		return words(r)
	}
}

func (c *Controller) stop(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	names := strings.Fields(arg)
	if len(names) == 0 {
		return c.misused("stop", exitGeneric, "Error: stop requires a process name")
	}
	return c.each(ctx, deed{
		all: "stopAllProcesses", group: "stopProcessGroup", one: "stopProcess",
		said: signalled("stopped"), pardoned: notRunning, noGroup: exitGeneric,
	}, names)
}

func (c *Controller) signal(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	args := strings.Fields(arg)
	if len(args) < 2 {
		return c.misused("signal", exitGeneric, "Error: signal requires a signal name and a process name")
	}
	return c.each(ctx, deed{
		all: "signalAllProcesses", group: "signalProcessGroup", one: "signalProcess", extra: []any{args[0]},
		said: signalled("signalled"), pardoned: success, noGroup: exitGeneric,
	}, args[1:])
}

func (c *Controller) restart(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	if arg == "" {
		return c.misused("restart", exitGeneric, "Error: restart requires a process name")
	}
	if err := c.stop(ctx, arg); err != nil {
		return err
	}
	return c.start(ctx, arg)
}

var clearWords = wording("cleared", map[int]string{badName: "no such process", failed: "failed"})

func (c *Controller) clear(ctx context.Context, arg string) error {
	if err := c.upcheck(ctx); err != nil {
		return err
	}
	names := strings.Fields(arg)
	if len(names) == 0 {
		return c.misused("clear", exitGeneric, "Error: clear requires a process name")
	}
	d := deed{all: "clearAllProcessLogs", one: "clearProcessLogs", said: clearWords, pardoned: success}
	if slices.Contains(names, "all") {
		return c.each(ctx, d, names)
	}
	for _, name := range names {
		group, member, whole := splitName(name)
		if whole {
			member = "None" // a group has no logs; this is how Python prints a name that is none
		}
		if err := c.single(ctx, d, name, group, member); err != nil {
			return err
		}
	}
	return nil
}
