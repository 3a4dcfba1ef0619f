package main

import "github.com/spf13/cobra"

// completion prints what makes a shell complete our commands and the names of
// what runs.
func (a *app) completion() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print a script that teaches a shell to complete commands and the names of what runs",
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 1 {
				switch args[0] {
				case "bash":
					return root.GenBashCompletionV2(a.out, true)
				case "zsh":
					return root.GenZshCompletion(a.out)
				case "fish":
					return root.GenFishCompletion(a.out, true)
				}
			}
			return usagef("which shell? want bash, zsh or fish, as in: source <(bulkhead completion bash)")
		},
	}
}
