package main

import (
	"context"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"bulkhead/cmd/bulkhead/supervisorctl"
	"bulkhead/supervisor/control"
)

// ctl is "bulkhead ctl" and what its verbs share.
type ctl struct {
	*app
	config   string // -c
	server   string // -s
	user     string // -u
	password string // -p
	keepIn   string // -r
	ask      bool   // -i
	asJSON   bool

	found *supervisorctl.Options // by target
	asked *control.Client        // of the bulkhead that answers there; nil before it has
	info  control.Info           // its answer
}

func (a *app) ctl() *cobra.Command {
	c := &ctl{app: a}
	cmd := &cobra.Command{
		Use:   "ctl [COMMAND ...]",
		Short: "Control a running supervisor, be it bulkhead or supervisord",
		Long: `Control a running supervisor: supervisorctl's verbs, names, output and exit codes. Without a command,
a shell reads them, beginning with status; Tab completes verbs and names.

The supervisor may be a supervisord: where one answers, it is asked in its own language, and what is printed is
what supervisorctl prints. Called by the name supervisorctl, as through a link, the program is supervisorctl.

NAME is what status prints: name, group:name, group:* for a whole group, or all.
The name of a program alone means all of its instances (supervisorctl would say "no such process").`,
		Args:              cobra.ArbitraryArgs,
		PersistentPreRunE: c.elsewhere,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.shell()
			}
			a.say("*** Unknown syntax: %s", strings.Join(args, " "))
			return exitCode(exitGeneric)
		},
	}
	f := cmd.PersistentFlags()
	f.StringVarP(&c.config, "config", "c", "", "configuration `FILE`, bulkhead's or a supervisord.conf, to find the socket")
	f.StringVarP(&c.server, "serverurl", "s", "", "where the supervisor listens: unix:///PATH, http://HOST:PORT as `URL`")
	f.StringVarP(&c.user, "username", "u", "", "`NAME` to log in with")
	f.StringVarP(&c.password, "password", "p", "", "`PASSWORD` to log in with")
	f.StringVarP(&c.keepIn, "history-file", "r", "", "`FILE` to keep the shell's history in")
	f.BoolVarP(&c.ask, "interactive", "i", false, "ask before a shutdown, and for a password that is wanted")
	f.BoolVar(&c.asJSON, "json", false, "print JSON")
	cmd.AddCommand(
		c.status(), c.why(), c.events(), c.oom(), c.pid(), c.versionOf(),
		c.start(), c.stop(), c.restart(), c.recycle(), c.scale(), c.profile(), c.signal(), c.pause(), c.resume(),
		c.tail(), c.maintail(), c.clear(),
		c.reread(), c.update(), c.upgrade(), c.shutdown(), c.help(), c.open(),
	)
	cmd.AddCommand(c.byRPC()...)
	for _, verb := range cmd.Commands() {
		verb.DisableFlagsInUseLine = true // the flags that matter stand in Use
		verb.ValidArgsFunction = c.completeArgs
	}
	return cmd
}

// client returns a client of the socket that the flags or the config name, and says who
// asks where they say it.
func (c *ctl) client() (*control.Client, error) {
	o, err := c.target()
	if err != nil {
		return nil, err
	}
	path, err := socketOf(o.ServerURL)
	if err != nil {
		return nil, err
	}
	if c.asked != nil && c.asked.URL() == o.ServerURL {
		return c.asked, nil
	}
	return dial(path, o), nil
}

func dial(path string, o supervisorctl.Options) *control.Client {
	client := control.Dial(path)
	if o.Username != "" {
		client.Authorize(o.Username, o.Password)
	}
	return client
}

// missing is supervisorctl's complaint about a verb without its name.
func (c *ctl) missing(cmd *cobra.Command, what string, code int) error {
	c.say("Error: %s requires %s", cmd.Name(), what)
	c.say("%s", cmd.UseLine())
	return exitCode(code)
}

// tooMany is supervisorctl's complaint about a verb that takes nothing.
func (c *ctl) tooMany(cmd *cobra.Command) error {
	c.say("Error: %s accepts no arguments", cmd.Name())
	c.say("%s", cmd.UseLine())
	return exitCode(exitGeneric)
}

// order gives an order, prints its outcomes and returns the exit code.
func (c *ctl) order(o control.Order) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	outcomes, err := client.Do(c.context(), o)
	if o.Verb != "restart" { // which stops all, then starts all
		outcomes = asNamed(o.Names, outcomes)
	}
	if c.asJSON {
		if jerr := c.json(listed(outcomes)); jerr != nil {
			return jerr
		}
	} else {
		c.outcomes(o.Verb, outcomes)
	}
	if err == nil {
		return ended(outcomesCode(o.Verb, outcomes))
	}
	if code, ok := c.refused(o.Verb, err); ok {
		return ended(code)
	}
	return err
}

// refused prints a refusal where it is not in the way of JSON.
func (c *ctl) refused(verb string, err error) (int, bool) {
	if c.asJSON {
		return exitGeneric, false
	}
	return c.orderError(verb, err)
}

// asNamed puts outcomes in the order in which their names were given, which
// is supervisorctl's: it takes one name after the other. Outcomes of one name
// stay as the server put them, and so do those of no name given.
func asNamed(names []string, outcomes []control.Outcome) []control.Outcome {
	if len(names) < 2 || slices.Contains(names, "all") {
		return outcomes
	}
	rank := func(o control.Outcome) int {
		for i, n := range names {
			group, _, whole := strings.Cut(n, ":")
			member := strings.HasPrefix(o.Name, group+":")
			if o.Name == n || o.Name == group || member && (!whole || n == group+":" || n == group+":*") {
				return i
			}
		}
		return len(names)
	}
	outcomes = slices.Clone(outcomes)
	slices.SortStableFunc(outcomes, func(a, b control.Outcome) int { return rank(a) - rank(b) })
	return outcomes
}

// untilInterrupt is the context of a verb that goes on until Ctrl-C, which
// is its orderly end. The other verbs simply die of it.
func untilInterrupt() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}
