package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bulkhead/conf"
)

func TestAutoLogNames(t *testing.T) {
	a := autoLogs{"/logs", "supervisor", "tok"}
	in := func(group, name, out, err string) *conf.Instance {
		return &conf.Instance{Group: group, Name: name, Stdout: conf.LogTarget{Path: out, Backups: 3}, Stderr: conf.LogTarget{Path: err}}
	}
	for _, c := range []struct {
		in      *conf.Instance
		channel string
		want    string
	}{
		{in("cat", "cat", conf.Auto, conf.Auto), "stdout", "/logs/cat-stdout---supervisor-b5377b688af0ccad.log"},
		{in("cat", "cat", conf.Auto, conf.Auto), "stderr", "/logs/cat-stderr---supervisor-b5377b688af0ccad.log"},
		{in("web", "cat_01", conf.Auto, ""), "stdout", "/logs/cat_01-stdout---supervisor-0b1577503b72afa3.log"},
		{in("web", "cat_01", conf.Auto, ""), "stderr", ""},
		{in("web", "cat_01", "/var/log/x", "-"), "stdout", "/var/log/x"},
	} {
		if got := a.target(c.in, c.channel); got.Path != c.want || c.channel == "stdout" && got.Backups != 3 {
			t.Errorf("%s of %s: %+v, want %s", c.channel, c.in.Name, got, c.want)
		}
	}
}

// TestAutoLogSweep: an earlier supervisor's logs go, and nobody else's.
func TestAutoLogSweep(t *testing.T) {
	a := autoLogs{t.TempDir(), "super.visor", newToken()}
	stay := []string{"cat-stdout---super-visor-0a.log", "cat-stdout---super.visor-0a.log.old", "cat.log", "cat-stdout---super.visor2-0a.log"}
	for _, name := range append([]string{"cat-stdout---super.visor-0a.log", "cat-stderr---super.visor-ff.log.12"}, stay...) {
		if err := os.WriteFile(filepath.Join(a.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(a.dir, "d-stdout---super.visor-0a.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.sweep(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(a.dir + "/*")
	if err != nil || len(left) != len(stay)+1 {
		t.Errorf("left: %q, %v", left, err)
	}
	for _, name := range stay {
		if !slices.Contains(left, filepath.Join(a.dir, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	in := &conf.Instance{Name: "cat", Group: "cat", Stdout: conf.LogTarget{Path: conf.Auto}}
	for _, channel := range []string{"stdout", "stderr"} {
		if err := a.make(in, channel); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(a.target(in, "stdout").Path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	a.dir = "/nonexistent"
	if a.sweep() == nil || a.make(in, "stdout") == nil {
		t.Error("no error of a directory that is not there")
	}
}

// TestTokenStaysWithLiveRuns: while programs run on, the names of their logs do.
func TestTokenStaysWithLiveRuns(t *testing.T) {
	if got := (past{running: true, self: supervisorRecord{Token: "tok"}}).token(); got != "tok" {
		t.Errorf("%q", got)
	}
	fresh := past{self: supervisorRecord{Token: "tok"}}.token()
	if again := (past{running: true}).token(); fresh == "tok" || fresh == again || len(again) != 16 {
		t.Errorf("%q and %q", fresh, again)
	}
}
