package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"bulkhead/conf"
	"bulkhead/supervisor"
)

func (a *app) serve() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve [-c FILE]",
		Short: "Run the supervisor in the foreground: under systemd, as a container's PID 1, in a terminal",
		Args:  noUnknown,
		RunE:  func(*cobra.Command, []string) error { return a.runServer(file) },
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE`; default ./bulkhead.toml, "+conf.Dir+"/"+conf.Name)
	return cmd
}

func (a *app) runServer(file string) error {
	cfg, warnings, err := readConfig(file)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(a.err, w)
	}
	return supervisor.Serve(context.Background(), supervisor.Options{
		Config: cfg,
		Read: func() (*conf.Config, error) {
			c, _, err := readConfig(cfg.Path)
			return c, err
		},
		Version: ownVersion(),
		Out:     a.out,
	})
}
