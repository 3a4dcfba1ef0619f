package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noUnknown,
		RunE: func(*cobra.Command, []string) error {
			a.say("%s", ownVersion())
			return nil
		},
	}
}

// ownVersion is the build's, or what Go wrote into the binary about it.
func ownVersion() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	return fromBuildInfo(info)
}

// fromBuildInfo prefers the module's version, then the commit.
func fromBuildInfo(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if len(commit) < 12 {
		return "dev"
	}
	return "dev-" + commit[:12] + dirty
}
