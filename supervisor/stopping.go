package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// StoppingForGood says, in a process that systemd has started for the service's
// end (ExecStopPost=), whether the service is being stopped: by `systemctl stop`, by a
// shutdown, as part of another unit. Not so when it is to be restarted, and
// not after a crash, whether it will be started again or has failed for good.
// systemd itself is asked (jobs of systemctl(1)), over its private socket: no bus is needed.
func StoppingForGood(ctx context.Context) (bool, error) {
	unit, err := ownService()
	if err != nil {
		return false, fmt.Errorf("cannot ask systemd what it is doing: %w", err)
	}
	jobs, err := systemdJobs(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot ask systemd what it is doing with %q: %w", unit, err)
	}
	return jobs[unit] == "stop", nil
}

// ownService is the unit that this process is of.
func ownService() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	unit := serviceIn(string(b))
	if unit == "" {
		return "", errors.New("this is not a service of systemd's")
	}
	return unit, nil
}

// serviceIn finds the innermost service in the text of /proc/PID/cgroup; there
// may be a part of it below, as .control.
func serviceIn(table string) string {
	for line := range strings.Lines(table) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ; ok && path != "/" && path != "."; path = filepath.Dir(path) {
			if name := filepath.Base(path); strings.HasSuffix(name, ".service") {
				return name
			}
		}
	}
	return ""
}

// systemdJobs is what systemd is at: the types of its jobs by unit.
func systemdJobs(ctx context.Context) (map[string]string, error) {
	socket := "/run/systemd/private"
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && os.Geteuid() != 0 { // a user's own
		socket = filepath.Join(dir, "systemd", "private")
	}
	conn, err := dbus.Dial("unix:path="+dbus.EscapeBusAddressValue(socket), dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.Auth(nil); err != nil {
		return nil, fmt.Errorf("%q: %w", socket, err)
	}
	var jobs []struct {
		ID        uint32
		Unit      string
		Type      string
		State     string
		Path, For dbus.ObjectPath
	}
	manager := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	if err := manager.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.ListJobs", 0).Store(&jobs); err != nil {
		return nil, fmt.Errorf("%q: %w", socket, err)
	}
	types := map[string]string{}
	for _, j := range jobs {
		types[j.Unit] = j.Type
	}
	return types, nil
}
