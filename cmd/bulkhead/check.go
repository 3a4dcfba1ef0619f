package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bulkhead/conf"
	"bulkhead/supervisor"
)

func (a *app) check() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [-c FILE]",
		Short: "Validate the config; print limits, budget and warnings. Nothing is started",
		Args:  noUnknown,
		RunE: func(*cobra.Command, []string) error {
			return a.checkConfig(file, asJSON)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`; default ./"+conf.Name+", "+conf.Dir+"/"+conf.Name)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) checkConfig(file string, asJSON bool) error {
	env, err := conf.HostEnv()
	if err != nil {
		return err
	}
	env.Needs = supervisor.Needs // a supervisor that runs knows for itself
	cfg, warnings, err := readConfigIn(file, env)
	var all *conf.Problems
	if err != nil && !errors.As(err, &all) {
		return err
	}
	if asJSON {
		if err := a.json(checkJSON(cfg, warnings, all)); err != nil {
			return err
		}
	} else {
		a.checkText(cfg, warnings, all)
	}
	if all != nil {
		return exitCode(exitGeneric)
	}
	return nil
}

func (a *app) checkText(cfg *conf.Config, warnings []conf.Warning, all *conf.Problems) {
	if all != nil {
		for _, p := range all.List {
			fmt.Fprintln(a.err, p)
		}
		a.warnings(warnings)
		return
	}
	a.say("%s is valid: %s", cfg.Path, counted(cfg))
	a.say("")
	if len(cfg.Programs) > 0 {
		a.table(limitsTable(cfg))
		a.say("")
	}
	a.budget(budget(cfg))
	a.say("")
	a.heldBy(supervisor.Enforcement(cfg.Supervisor))
	a.warnings(warnings)
}

// budget is what is promised, and what programs have used at most as far as a supervisor has
// written it down.
func budget(cfg *conf.Config) conf.Table {
	return conf.Budget(cfg).Needing(supervisor.Needs(cfg.Supervisor.StateDir))
}

// heldBy says who would hold these limits on this host.
func (a *app) heldBy(by, why string) {
	switch {
	case by == "kernel" && why == "":
		a.say("Enforced here by the kernel.")
	case by == "kernel":
		a.say("Enforced here by the kernel, in part: %s.", why)
	default:
		a.say("Not enforced here by the kernel, memory is kept by sampling: %s.", why)
	}
}

// warnings go to standard error: they are no part of the answer.
func (a *app) warnings(all []conf.Warning) {
	for _, w := range all {
		fmt.Fprintf(a.err, "warning: %s\n", w)
	}
}

// readConfig reads the named config, or the one that is found.
func readConfig(file string) (*conf.Config, []conf.Warning, error) {
	env, err := conf.HostEnv()
	if err != nil {
		return nil, nil, err
	}
	return readConfigIn(file, env)
}

// readSupervisor reads of the named config, or the one that is found, what is said about
// the supervisor itself.
func readSupervisor(file string) (conf.Supervisor, error) {
	env, err := conf.HostEnv()
	if err != nil {
		return conf.Supervisor{}, err
	}
	if file, err = namedConfig(file); err != nil {
		return conf.Supervisor{}, err
	}
	return conf.ReadSupervisor(file, env)
}

func readConfigIn(file string, env conf.Env) (_ *conf.Config, _ []conf.Warning, err error) {
	if file, err = namedConfig(file); err != nil {
		return nil, nil, err
	}
	return conf.Read(file, env)
}

// namedConfig is file, or the config that is found where none is named.
func namedConfig(file string) (string, error) {
	if file != "" {
		return file, nil
	}
	return findConfig()
}

func counted(cfg *conf.Config) string {
	instances := 0
	for _, p := range cfg.Programs {
		instances += len(p.Instances)
	}
	return fmt.Sprintf("%s, %s", plural(len(cfg.Programs), "program"), plural(instances, "instance"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
