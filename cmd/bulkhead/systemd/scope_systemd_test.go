//go:build kernel

package systemd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// ownConfig is a config with a socket of its own in a folder that the user may
// use, with one limited program.
func ownConfig(t *testing.T, uid int) (config, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "bulkhead", "bulkhead.sock")
	config = filepath.Join(dir, "bulkhead.toml")
	if err := os.Mkdir(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, config, fmt.Sprintf("[supervisor]\nsocket = %q\nstate_dir = %q\ncgroup = \"require\"\n%s", socket, dir,
		idle("plain", "[programs.plain.limits]", `memory_max = "64M"`)))
	for _, path := range []string{dir, filepath.Dir(socket), config} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return config, socket
}

// inScope expects one supervisor at work in a scope of that name, and ends it.
func inScope(t *testing.T, socket, scope string) {
	t.Helper()
	client := control.Dial(socket)
	defer client.Close()
	var all []control.Status
	eventually(t, "the program runs", func() bool {
		all, _, _ = client.Status(context.Background())
		return len(all) == 1 && all[0].State == "RUNNING"
	})
	info, err := client.Version(context.Background())
	if err != nil || info.Enforced != "kernel" {
		t.Errorf("version: %+v, %v", info, err)
	}
	t.Logf("enforced by the %s; %s", info.Enforced, info.Why)
	own := slurp("/proc/" + strconv.Itoa(info.PID) + "/cgroup")
	top, ok := strings.CutSuffix(strings.TrimPrefix(own, "0::"), "/bulkhead/supervisor")
	if !ok || !strings.HasSuffix(top, "/"+scope) {
		t.Errorf("bulkhead runs in %q", own)
	}
	if got := slurp(mount + top + "/bulkhead/programs/plain/plain.1/memory.max"); got != "67108864" {
		t.Errorf("memory.max is %q", got)
	}
	if err := syscall.Kill(info.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the scope is gone with everything in it", func() bool {
		_, err := os.Stat(mount + top)
		return os.IsNotExist(err)
	})
	if text := slurp(procStat(all[0].PID)); text != "" {
		t.Errorf("the program is left: %s", text)
	}
}

func TestSystemdScope(t *testing.T) {
	config, socket := ownConfig(t, 0)
	cmd := exec.Command("systemd-run", "--scope", "--unit=bulkhead-test", "-p", "Delegate=yes", program(t), "serve", "-c", config)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inScope(t, socket, "bulkhead-test.scope")
	if err := cmd.Wait(); err != nil {
		t.Errorf("bulkhead ended with: %v", err)
	}
}
