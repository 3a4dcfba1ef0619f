package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What a flag asks for reaches a supervisord, or is refused: it is never
// silently left out.
func TestLineForSupervisord(t *testing.T) {
	for typed, want := range map[string]string{
		"tail cat":                        "tail cat",
		"tail -3 cat stderr":              "tail -3 cat stderr",
		"tail -f cat":                     "tail -f cat",
		"maintail -1":                     "maintail -1",
		"-s unix:///x stop cat":           "stop cat",
		"restart --rolling cat":           "cannot restart --rolling: a supervisord has no such thing",
		"stop --now cat":                  "cannot stop --now: a supervisord has no such thing",
		"-s http://127.0.0.1:9 start cat": "start cat",
	} {
		c := &app{}
		root := c.root()
		args := tailArgs(append([]string{"ctl"}, strings.Fields(typed)...))
		got, said := "", error(nil)
		for _, verb := range root.Commands() {
			verb.PersistentPreRunE = nil
			for _, v := range verb.Commands() {
				v.PersistentPreRunE, v.PreRunE = nil, nil
				v.RunE = func(cmd *cobra.Command, args []string) error { got, said = asLine(cmd, args); return nil }
			}
		}
		root.SetArgs(args)
		if err := root.Execute(); err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		if said != nil {
			got = said.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", typed, got, want)
		}
	}
}
