package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bulkhead/conf"
	"bulkhead/supervisor"
)

func (a *app) serve() *cobra.Command {
	var file, rehearse string
	var stop bool
	cmd := &cobra.Command{
		Use:   "serve [-c FILE]",
		Short: "Run the supervisor in the foreground",
		Long: `Run the supervisor in the foreground: as a systemd unit, or as a container's PID 1.

SIGTERM and SIGINT stop everything and end it. A config with problems starts nothing: see check.`,
		Args: noUnknown,
		RunE: func(*cobra.Command, []string) error { return a.runSupervisor(file, rehearse, stop) },
	}
	cmd.Flags().BoolVar(&stop, "stop", false, "stop what an earlier supervisor has left running, in order, and end")
	cmd.Flags().StringVar(&rehearse, "rehearse", "", "")
	_ = cmd.Flags().MarkHidden("rehearse") // it is there
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`; default ./"+conf.Name+", "+conf.Dir+"/"+conf.Name)
	return cmd
}

func (a *app) runSupervisor(file, rehearse string, stop bool) error {
	cfg, warnings, err := readConfig(file)
	var all *conf.Problems
	if errors.As(err, &all) {
		a.checkText(nil, warnings, all)
		return exitCode(exitGeneric)
	}
	if err != nil {
		return err
	}
	options := supervisor.Options{
		Config:  cfg,
		Version: ownVersion(),
		Stop:    stop,
		Out:     a.out,
		Read: func() (*conf.Config, error) {
			again, _, err := readConfig(cfg.Path)
			return again, err
		},
	}
	if rehearse != "" {
		return supervisor.Rehearse(options, rehearse)
	}
	a.warnings(warnings)
	return supervisor.Serve(context.Background(), options)
}
