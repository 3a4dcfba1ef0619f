//go:build kernel

package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// logind starts a system bus and logind, and gives it a shutdown that shuts
// nothing down.
func logind(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/usr/bin/dbus-daemon", "/lib/systemd/systemd-logind"} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%v: install dbus and systemd (make deps)", err)
		}
	}
	// The names by which systemd knows that there is a bus.
	units := map[string]string{
		"dbus.socket":            "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
		"dbus.service":           "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\nExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n",
		"systemd-logind.service": "[Unit]\nRequires=dbus.service\nAfter=dbus.service\n[Service]\nType=notify\nBusName=org.freedesktop.login1\nExecStart=/lib/systemd/systemd-logind\n",
		"poweroff.target":        "[Unit]\nDefaultDependencies=no\n",
	}
	for name, text := range units {
		path := filepath.Join(unitDir, name)
		before, _ := os.Readlink(path)
		_ = os.Remove(path)
		write(t, path, text)
		t.Cleanup(func() {
			_ = os.Remove(path)
			if before != "" {
				_ = os.Symlink(before, path)
			}
		})
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
			t.Fatalf("systemctl %q: %v\n%s", args, err, out)
		}
	}
	run("daemon-reload")
	run("start", "dbus.socket", "dbus.service", "systemd-logind.service")
	t.Cleanup(func() {
		_ = exec.Command("systemctl", "stop", "systemd-logind.service", "dbus.service", "dbus.socket", "poweroff.target").Run()
	})
}

// inhibitors is what logind shows of who delays a shutdown.
func inhibitors() string {
	out, _ := exec.Command("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "ListInhibitors").CombinedOutput()
	return string(out)
}

// When logind wants to shut the host down, the programs are stopped first.
func TestSystemdShutdownInhibitor(t *testing.T) {
	logind(t)
	order := filepath.Join(t.TempDir(), "order")
	u := install(t, slowly("first", 10, order)+slowly("second", 20, order))
	u.start()
	eventually(t, "everybody has set its trap", func() bool { return len(strings.Fields(slurp(order+".ready"))) == 2 })
	before, main := u.running("first", "second"), u.property("MainPID")
	eventually(t, "bulkhead delays a shutdown", func() bool {
		return strings.Contains(inhibitors(), `"shutdown" "bulkhead"`) && strings.Contains(inhibitors(), `"delay"`)
	})
	if out, err := exec.Command("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
		"org.freedesktop.login1.Manager", "PowerOff", "b", "false").CombinedOutput(); err != nil {
		t.Fatalf("PowerOff: %v\n%s", err, out)
	}
	eventually(t, "the shutdown goes on", func() bool {
		return exec.Command("systemctl", "is-active", "--quiet", "poweroff.target").Run() == nil
	})
	if got, want := slurp(order), "second asked\nsecond ends\nfirst asked\nfirst ends"; got != want {
		t.Errorf("when the shutdown went on they had been stopped as\n%s\nwant\n%s", got, want)
	}
	for name, s := range before {
		if text := slurp(procStat(s.PID)); text != "" {
			t.Errorf("%s is left: %s", name, text)
		}
	}
	// This one shut nothing down: who has ended is wanted again.
	u.answers(main)
	u.running("first", "second")
	u.expect("ActiveState=active")
}
