//go:build kernel

package systemd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/supervisor"
)

// asked is an ExecStopPost= that writes down what it learns.
func asked() {
	is, err := supervisor.StoppingForGood(context.Background())
	f, openErr := os.OpenFile(os.Getenv(wordKey), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if openErr != nil {
		fmt.Println(openErr)
		os.Exit(1)
	}
	fmt.Fprintln(f, is, err)
}

func TestSystemdStoppingForGood(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	word, unit := filepath.Join(t.TempDir(), "word"), filepath.Join(unitDir, "asked.service")
	write(t, unit, fmt.Sprintf("[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\nDelegate=yes\nExecStart=sleep 100000\nExecStopPost=%s\nEnvironment=%s=asked %s=%s\nRestart=on-failure\nRestartSec=100ms\n",
		self, roleKey, wordKey, word))
	ctl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("systemctl", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("systemctl %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	ctl("daemon-reload")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("systemctl", "status", "--no-pager", "asked.service").CombinedOutput()
			t.Logf("it has learned\n%s\n%s", slurp(word), out)
		}
		_ = exec.Command("systemctl", "stop", "asked.service").Run()
		_ = os.Remove(unit)
	})
	var want []string
	for _, c := range []struct{ what, says string }{
		{"start", ""}, {"restart", "false"}, {"stop", "true"}, {"start", ""}, {"kill", "false"}, {"kill", "false"}, {"stop", "true"},
	} {
		main := ctl("show", "-P", "MainPID", "asked.service")
		if c.what == "kill" {
			ctl("kill", "--kill-whom=main", "--signal=KILL", "asked.service")
			eventually(t, "it is started again", func() bool {
				now := ctl("show", "-P", "MainPID", "asked.service")
				return now != main && now != "0"
			})
		} else {
			ctl(c.what, "asked.service")
		}
		if c.says != "" {
			want = append(want, c.says+" <nil>")
		}
		if got := slurp(word); got != strings.Join(want, "\n") {
			t.Errorf("after %s it has learned\n%s\nwant\n%s", c.what, got, strings.Join(want, "\n"))
		}
	}
}
