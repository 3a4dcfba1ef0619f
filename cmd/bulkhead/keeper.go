package main

import (
	"github.com/spf13/cobra"

	"bulkhead/supervisor/keeper"
)

// keeper is what serve starts to hold the output of its programs; nobody
// calls it by hand.
func (a *app) keeper() *cobra.Command {
	return &cobra.Command{
		Use:                keeper.Command + " SOCKET",
		Short:              "Hold descriptors open for the supervisor",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := keeper.Main(args); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}
