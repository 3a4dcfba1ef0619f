package main

import (
	"io"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"bulkhead/cmd/bulkhead/supervisorctl"
)

// app is what every command prints to.
type app struct {
	out     io.Writer
	err     io.Writer
	in      supervisorctl.Input // nil before the first question
	session *session            // nil outside of ctl's shell
}

// run is the whole program: arguments to exit code.
func run(args []string, out, errw io.Writer) int {
	a := &app{out: out, err: errw}
	root := a.root()
	root.SetArgs(tailArgs(args))
	return a.exit(root.Execute())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "bulkhead",
		Short:         "Run queue workers and services, each in its own compartment",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noUnknown,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.serve(), a.check(), a.exec(), a.doctor(), a.importer(), a.version(), a.ctl(), a.completion(), a.keeper())
	return root
}

func noUnknown(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unknown command %q, see %s --help", args[0], c.CommandPath())
	}
	return nil
}

var lastN = regexp.MustCompile(`^-[0-9]+$`)

// tailArgs turns the -N of "ctl tail -N NAME" into a flag that pflag can read.
func tailArgs(args []string) []string {
	if len(args) > 0 && args[0] == "exec" || !slices.Contains(args, "ctl") || !slices.Contains(args, "tail") && !slices.Contains(args, "maintail") {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if lastN.MatchString(arg) {
			args[i] = "--bytes=" + arg[1:]
		}
	}
	return args
}
