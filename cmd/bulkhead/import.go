package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"bulkhead/conf"
)

func (a *app) importer() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "import FILE.conf [-o FILE.toml]",
		Short: "Turn a supervisord.conf into a config of bulkhead",
		Long: `Read a supervisord.conf with what it includes, and write the same configuration as TOML: to FILE.toml, or to
standard output. What there is to say of it goes to standard error, one finding a line:

  FILE:LINE: mapped: …     it means the same
  FILE:LINE: changed: …    it means something else, or is written otherwise
  FILE:LINE: lost: …       it has no meaning here
  FILE:LINE: proposal: …   options of a known worker that limits or recycling could say better; a comment in the TOML`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("import takes one supervisord.conf")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.importConfig(args[0], out) },
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`, which must not exist yet")
	return cmd
}

func (a *app) importConfig(path, out string) error {
	env, err := conf.HostEnv()
	if err != nil {
		return err
	}
	text, findings, err := conf.Import(path, env)
	var all *conf.Problems
	if errors.As(err, &all) {
		a.checkText(nil, nil, all)
		return exitCode(exitGeneric)
	}
	if err != nil {
		return err
	}
	if err := a.writeImported(text, out); err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintln(a.err, f)
	}
	return nil
}

// writeImported never writes over a config that somebody may have edited.
func (a *app) writeImported(text, out string) error {
	if out == "" {
		_, err := fmt.Fprint(a.out, text)
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // passwords may be in it
	if err != nil {
		return fmt.Errorf("cannot write the imported config: %v", err)
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return fmt.Errorf("cannot write %q: %v", out, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("cannot write %q: %v", out, err)
	}
	return nil
}
