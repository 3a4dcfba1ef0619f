package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/cmd/bulkhead/doctor"
)

// tinyHost is a host of one process.
func tinyHost(t *testing.T, meminfo string) doctor.Reader {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/meminfo":   meminfo,
		"proc/1/stat":    "1 (init) S 0 1 1 0 -1 0 0 0 0 0 9 0 0 0 20 0 1 0 5 " + strings.Repeat("0 ", 23) + "\n",
		"proc/1/status":  "Name:\tinit\nVmSize:\t    9000 kB\nVmRSS:\t    8000 kB\nRssAnon:\t    4000 kB\nRssFile:\t    4000 kB\n",
		"proc/1/cmdline": "/sbin/init\x00", "proc/1/smaps_rollup": "0-1 ---p 0 00:00 0 [rollup]\nRss: 8000 kB\nPss: 7000 kB\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return doctor.Reader{Root: root}
}

const (
	healthyMemory = "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
	sickMemory    = "MemTotal: 8000000 kB\nMemAvailable: 90000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
)

func TestDoctor(t *testing.T) {
	for _, c := range []struct {
		memory string
		code   int
		want   []string
	}{
		{healthyMemory, exitOK, []string{"available 5.7G (75%); no swap", "init", "Nothing to say"}},
		{sickMemory, exitGeneric, []string{"serious: only 88M of 7.6G are available, and there is no swap to go to"}},
	} {
		var out, errw bytes.Buffer
		a := &app{out: &out, err: &errw}
		r := tinyHost(t, c.memory)
		if code := a.exit(a.diagnose(context.Background(), r, 0, false)); code != c.code || errw.Len() > 0 {
			t.Errorf("exit code %d, want %d; stderr %q", code, c.code, errw.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is missing:\n%s", want, out.String())
			}
		}
		out.Reset()
		if code := a.exit(a.diagnose(context.Background(), r, 0, true)); code != c.code {
			t.Errorf("with --json exit code %d, want %d", code, c.code)
		}
		var d doctor.Document
		if err := json.Unmarshal(out.Bytes(), &d); err != nil {
			t.Fatalf("%v:\n%s", err, out.String())
		}
		if serious := len(d.Findings) > 0 && d.Findings[0].Severity == doctor.Serious; serious != (c.code == exitGeneric) ||
			len(d.Programs) != 1 || d.Programs[0].Pss == nil || *d.Programs[0].Pss != 7000<<10 || d.Findings == nil {
			t.Errorf("JSON says %+v", d)
		}
	}
	var out, errw bytes.Buffer
	a := &app{out: &out, err: &errw}
	if code := a.exit(a.diagnose(context.Background(), doctor.Reader{Root: t.TempDir()}, 0, false)); code != exitGeneric || !strings.Contains(errw.String(), "cannot read the host") {
		t.Errorf("without a host: exit code %d, %q", code, errw.String())
	}
}
