package likeness_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// manySamples is how many INI samples there have to be.
const manySamples = 40

// TestINI starts both daemons on the samples of testdata/ini. Those beside
// supervisord.conf are included by it; each in main is a config of its own.
// Compared are what the daemon says of its config, what became of its processes,
// and what each was started with.
func TestINI(t *testing.T) {
	t.Parallel()
	mains := samples(t, "main")
	if n := len(samples(t, "")) - 1 + len(mains); n < manySamples {
		t.Errorf("there are %d samples, want %d", n, manySamples)
	}
	known := differences(t)
	t.Run("play", func(t *testing.T) {
		for _, main := range append([]string{""}, mains...) {
			t.Run(filepath.Base(main), func(t *testing.T) {
				t.Parallel()
				var sides [2][]fact
				for i, s := range []side{theirs, ours(t)} {
					sides[i] = readBy(t, s, main)
				}
				mustBeAlike(t, known, "ini", ours(t).name, sides[0], sides[1])
			})
		}
	})
	t.Run("bad", func(t *testing.T) { badConfigs(t, known) })
	known.mustBeUsed(t, "ini")
}

// samples are the files of a folder below testdata/ini.
func samples(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata/ini", folder, "*.conf"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no samples in %q: %v", folder, err)
	}
	return all
}

var readConfig = []step{
	{line: "wait *=ended", Kind: "wait", States: map[string]string{"*": "ended"}},
	{line: "getAllConfigInfo", Kind: "rpc", Method: "supervisor.getAllConfigInfo", Params: []any{}},
	{line: "getAllProcessInfo", Kind: "rpc", Method: "supervisor.getAllProcessInfo", Params: []any{}},
	{line: "getIdentification", Kind: "rpc", Method: "supervisor.getIdentification", Params: []any{}},
	{line: "avail", Kind: "ctl", Args: []string{"avail"}},
}

// readBy is what the daemon made of the samples; main is a config to be used
// instead of the one beside them, if there is one.
func readBy(t *testing.T, s side, main string) []fact {
	t.Helper()
	d := prepare(t, s, "ini")
	if main != "" {
		text, err := os.ReadFile(main)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.path("supervisord.conf"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.start()
	return append(d.play(theirs.supervisorctl(), readConfig), d.probes()...)
}

// probes is what the programs called probe noted, by group and process.
func (d *daemon) probes() []fact {
	d.t.Helper()
	files, err := filepath.Glob(d.path("out/*"))
	if err != nil {
		d.t.Fatal(err)
	}
	var all []fact
	for _, file := range files {
		name, kind, _ := strings.Cut(filepath.Base(file), ".")
		if strings.Contains(file, "Other.Name_1") {
			name, kind = "process-name:Other.Name_1", strings.TrimPrefix(filepath.Ext(file), ".")
		}
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue // a socket that is not removed yet
		}
		text := d.read("out/" + filepath.Base(file))
		list := strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
		switch kind {
		case "argv":
			all = append(all, fact{name + " argv", fmt.Sprintf("%q", list)})
		case "env":
			slices.Sort(list)
			for _, entry := range list {
				key, value, _ := strings.Cut(entry, "=")
				all = append(all, fact{name + " env " + key, fmt.Sprintf("%q", value)})
			}
		case "rest":
			for line := range strings.Lines(text) {
				key, value, _ := strings.Cut(line, "\t")
				all = append(all, fact{name + " " + strings.TrimSpace(key), strings.TrimSpace(value)})
			}
		}
	}
	return all
}

// badConfigs starts both on files that cannot be meant and compares how they end.
func badConfigs(t *testing.T, known *table) {
	var sides [2][]fact
	t.Run("play", func(t *testing.T) {
		for i, s := range []side{theirs, ours(t)} {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				for _, file := range samples(t, "bad") {
					sides[i] = append(sides[i], refused(t, s, file))
				}
			})
		}
	})
	mustBeAlike(t, known, "ini", ours(t).name, sides[0], sides[1])
}

// refused is how a start on a config ends. The words are each program's own.
func refused(t *testing.T, s side, file string) fact {
	t.Helper()
	d := prepare(t, s, "ini/bad")
	if err := os.Rename(d.path(filepath.Base(file)), d.path("supervisord.conf")); err != nil {
		t.Fatal(err)
	}
	cmd := d.command()
	late := time.AfterFunc(upMost, func() { _ = cmd.Process.Kill() }) // it took the config
	defer late.Stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 0 {
		t.Errorf("%s takes %q: %v\n%s", s.name, file, err, out)
		return fact{"start on " + filepath.Base(file), "it is taken"}
	}
	first, _, _ := strings.Cut(string(out), ":")
	return fact{"start on " + filepath.Base(file), fmt.Sprintf("exit %d, says %q", exit.ExitCode(), first)}
}
