package main

import (
	"runtime/debug"
	"testing"
)

func TestFromBuildInfo(t *testing.T) {
	set := func(kv ...string) (all []debug.BuildSetting) {
		for i := 0; i < len(kv); i += 2 {
			all = append(all, debug.BuildSetting{Key: kv[i], Value: kv[i+1]})
		}
		return all
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, "dev"},
		{debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
		{debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "dev"},
		{debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: set("vcs.revision", commit)}, "dev-0123456789ab"},
		{debug.BuildInfo{Settings: set("vcs.modified", "true", "vcs.revision", commit)}, "dev-0123456789ab-dirty"},
		{debug.BuildInfo{Settings: set("vcs.modified", "false", "vcs.revision", commit)}, "dev-0123456789ab"},
		{debug.BuildInfo{Settings: set("vcs.revision", "short")}, "dev"},
	} {
		if got := fromBuildInfo(&tt.info); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.info, got, tt.want)
		}
	}
	defer func(v string) { version = v }(version)
	if version = "9.9"; ownVersion() != "9.9" {
		t.Errorf("a version set by the build is not kept: %q", ownVersion())
	}
}
