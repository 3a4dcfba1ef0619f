package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulkhead/conf"
	"bulkhead/supervisor/oneoff"
)

const execLong = `Run one command in a cgroup of its own, for scripts: with limits, an OOM score, and its turn among others.

No supervisor is needed. The command has the caller's terminal, standard input, output and error, descriptors,
directory and environment; SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1 and SIGUSR2 are passed on to it. Its exit
code is passed back. When it ends, what it has left running is killed; when bulkhead exec itself is killed, so is the
command. Limits that this host cannot hold are named once, and it goes on without them; see --require.

Of its own are the exit codes 75 (a lock, memory or the budget could not be had, try again later), 125 (bulkhead exec
failed or cannot be meant, nothing was run), 126 (the command cannot be run), 127 (there is none of that name),
128+N (signal N ended the command) and so 137 (SIGKILL: with a message, the kernel's for want of memory).`

// limitWords say what the options of conf.LimitFlags do.
var limitWords = map[string]string{
	"memory-max":    "`SIZE` of memory above which the kernel kills the command: 512M, 25%",
	"memory-high":   "`SIZE` of memory above which the kernel slows the command down",
	"swap-max":      "`SIZE` of swap that it may use; 0 for none",
	"cpu-max":       "`CPUS` that it may use: 150% or 1.5",
	"cpu-weight":    "`SHARE` of CPU time when that is short, 1 to 10000; the kernel's own is 100",
	"io-weight":     "`SHARE` of the disk when that is busy, 1 to 10000; the kernel's own is 100",
	"pids-max":      "`NUMBER` of processes and threads",
	"oom-score-adj": "`SCORE` for being killed when the host is out of memory, -1000 to 1000; default 500: before services",
}

func (a *app) exec() *cobra.Command {
	f := oneoff.Flags{Limits: map[string]string{}}
	var config string
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARGUMENT ...]",
		Short: "Run one command with limits, in its turn, in a cgroup of its own",
		Long:  execLong,
		RunE:  func(c *cobra.Command, args []string) error { return a.runOneoff(c.Flags(), f, config, args) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return a.execFailed(err) })
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command is the command's
	for flag, words := range limitWords {
		flags.String(flag, "", words)
	}
	flags.BoolVar(&f.Protect, "protect", false, "be killed last when the host is out of memory: a score of -900; takes root")
	flags.StringVar(&f.Lock, "lock", "", "wait until fewer than --slots commands run under this `NAME`")
	flags.IntVar(&f.Slots, "slots", 0, "`NUMBER` of commands that run at once under the lock; default 1")
	flags.StringVar(&f.LockDir, "lock-dir", "", "`DIR` of the locks; default /run/bulkhead/exec, one of the user's own without root")
	flags.StringVar(&f.MinAvailable, "min-available", "", "wait until this `SIZE` of memory is available; starts that wait for it happen one by one")
	flags.StringVar(&f.Settle, "settle", "", "`TIME` that a start by --min-available takes, before the next one looks; default 1s")
	flags.StringVar(&f.Wait, "wait", "", "`TIME` to wait for the lock and for memory; default without end")
	flags.BoolVar(&f.NoWait, "no-wait", false, "do not wait: exit with 75 instead")
	flags.BoolVar(&f.Require, "require", false, "refuse to run where the limits cannot be held")
	flags.BoolVar(&f.NoCgroup, "no-cgroup", false, "make no cgroup: no limit, and what the command leaves running stays")
	flags.StringVar(&f.Overcommit, "overcommit", "allow", "warn, deny or allow: what to `DO` when --memory-max of all commands and the configuration's programs exceed the host's memory")
	flags.StringVarP(&config, "config", "c", "", "configuration `FILE` whose programs count for --overcommit; default ./"+conf.Name+", "+conf.Dir+"/"+conf.Name)
	return cmd
}

// execFailed says what is wrong. The code is not that of a usage error elsewhere: commands
// have that one, too.
func (a *app) execFailed(err error) error {
	for line := range strings.Lines(err.Error()) {
		a.note("exec: %s", strings.TrimRight(line, "\n"))
	}
	return exitCode(oneoff.ExitFailed)
}

func (a *app) runOneoff(flags *pflag.FlagSet, f oneoff.Flags, config string, argv []string) error {
	for _, flag := range slices.Sorted(maps.Keys(limitWords)) {
		if flags.Changed(flag) {
			f.Limits[flag] = flags.Lookup(flag).Value.String()
		}
	}
	if flags.Changed("slots") && f.Slots == 0 {
		f.Slots = -1 // 0 is not how many was left open
	}
	env, err := conf.HostEnv()
	if err != nil {
		return a.execFailed(err)
	}
	plan, warnings, err := oneoff.NewPlan(f, argv, oneoff.Host{Env: env, Score: ownScore()})
	if err != nil {
		return a.execFailed(err)
	}
	for _, w := range warnings {
		a.note("exec: warning: %s", w)
	}
	plan.Say = func(format string, args ...any) { a.note("exec: "+format, args...) }
	plan.Promised = func() (conf.Table, error) { return promisedToPrograms(config, env) }
	return ended(oneoff.Run(plan))
}

// promisedToPrograms is the host's budget without commands, as check prints it:
// what the configuration promises and what programs without a limit are known to need,
// whether they run or not.
func promisedToPrograms(file string, env conf.Env) (conf.Table, error) {
	file, err := namedConfig(file)
	if err != nil {
		return conf.HostBudget(env), nil // no config: nothing is promised
	}
	cfg, _, err := conf.Read(file, env)
	if err != nil {
		return conf.Table{}, fmt.Errorf("cannot count what %q promises, see bulkhead check: %v", file, err)
	}
	return budget(cfg), nil
}

// ownScore is our oom_score_adj; 0, as most have, where it cannot be read.
func ownScore() int {
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}
