//go:build kernel

package systemd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

const (
	unitName  = "bulkhead.service"
	sliceName = "bulkhead.slice"
	unitDir   = "/run/systemd/system"
	mount     = "/sys/fs/cgroup"
	sliceTree = mount + "/" + sliceName
)

// elsewhere is a drop-in that makes of the shipped unit one of before it had a
// slice of its own: the programs live in the service's cgroup.
const elsewhere = "Slice=system.slice\nRestartKillSignal=SIGTERM"

// unit is bulkhead as the shipped unit file runs it.
type unit struct {
	t      *testing.T
	dir    string // of its config, its log and its programs' files
	config string
	client *control.Client
}

// install puts the shipped unit file where systemd finds it, with a drop-in
// that changes the two paths, where its log goes, and what extra says; and
// stops it after the test. Nothing is started.
func install(t *testing.T, programs string, extra ...string) *unit {
	t.Helper()
	if os.Getenv("BULKHEAD_KERNEL_INIT") != "systemd" {
		t.Fatal("process 1 is not a systemd to play with: run this through guest -init systemd")
	}
	u := &unit{t: t, dir: t.TempDir(), client: control.Dial("/run/bulkhead/bulkhead.sock")}
	t.Cleanup(u.client.Close)
	u.config = filepath.Join(u.dir, "bulkhead.toml")
	u.programs(programs)
	for _, name := range []string{unitName, sliceName} {
		shipped, err := os.ReadFile("../../../packaging/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(unitDir, name), string(shipped))
	}
	dropins := filepath.Join(unitDir, unitName+".d")
	if err := os.MkdirAll(dropins, 0o755); err != nil {
		t.Fatal(err)
	}
	// One that hangs says where: SIGABRT in the place of SIGKILL.
	write(t, filepath.Join(dropins, "test.conf"), fmt.Sprintf("[Service]\nExecStart=\nExecStart=%[1]s serve -c %[2]s\n"+
		"ExecStopPost=\n%[5]s\n"+
		"FinalKillSignal=SIGABRT\nStandardOutput=append:%[3]s\n%[4]s\n",
		program(t), u.config, filepath.Join(u.dir, "log"), strings.Join(extra, "\n"), stopPost(t, u.config)))
	u.systemctl("daemon-reload")
	t.Cleanup(func() {
		if t.Failed() {
			u.tell()
		}
		_ = exec.Command("systemctl", "stop", unitName).Run()
		_ = exec.Command("systemctl", "reset-failed", unitName).Run()
		_ = exec.Command("systemctl", "stop", sliceName).Run()
		killLeft(t)
		if err := os.RemoveAll(dropins); err != nil {
			t.Error(err)
		}
	})
	return u
}

// stopPost is the shipped unit's ExecStopPost=, for this binary and config.
func stopPost(t *testing.T, config string) string {
	t.Helper()
	for line := range strings.Lines(slurp("../../../packaging/bulkhead.service")) {
		if strings.HasPrefix(line, "ExecStopPost=") {
			return strings.NewReplacer("/usr/local/bin/bulkhead", program(t), "/etc/bulkhead/bulkhead.toml", config, "\n", "").Replace(line)
		}
	}
	t.Fatal("the unit has no ExecStopPost=")
	return ""
}

// programs writes the config.
func (u *unit) programs(programs string) {
	u.t.Helper()
	write(u.t, u.config, fmt.Sprintf("[supervisor]\nstate_dir = %q\ncgroup = \"require\"\nlog_level = \"debug\"\n%s", u.dir, programs))
}

func (u *unit) systemctl(args ...string) {
	u.t.Helper()
	if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		u.t.Fatalf("systemctl %q: %v\n%s", args, err, out)
	}
}

// start is `systemctl start`, and waits until bulkhead answers.
func (u *unit) start() {
	u.t.Helper()
	u.systemctl("start", unitName)
	u.answers("")
}

// answers waits until a bulkhead other than the process before answers on the
// socket, and returns its process.
func (u *unit) answers(before string) (pid string) {
	u.t.Helper()
	eventually(u.t, "bulkhead answers", func() bool {
		info, err := u.client.Version(context.Background())
		pid = fmt.Sprint(info.PID)
		return err == nil && pid != before
	})
	return pid
}

// crash kills bulkhead, and returns which process it was.
func (u *unit) crash() (main string) {
	u.t.Helper()
	main = u.property("MainPID")
	if out, err := exec.Command("kill", "-KILL", main).CombinedOutput(); err != nil {
		u.t.Fatalf("kill: %v\n%s", err, out)
	}
	return main
}

// property is one of systemctl show.
func (u *unit) property(name string) string {
	u.t.Helper()
	out, err := exec.Command("systemctl", "show", "-P", name, unitName).CombinedOutput()
	if err != nil {
		u.t.Fatalf("systemctl show %s: %v\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// expect compares properties, NAME=VALUE.
func (u *unit) expect(properties ...string) {
	u.t.Helper()
	for _, p := range properties {
		name, want, _ := strings.Cut(p, "=")
		if got := u.property(name); got != want {
			u.t.Errorf("the unit's %s is %q, want %q", name, got, want)
		}
	}
}

// output is `bulkhead ctl ARG...`, whatever its exit status.
func (u *unit) output(args ...string) string {
	out, _ := exec.Command(program(u.t), append([]string{"ctl", "-c", u.config}, args...)...).Output()
	return string(out)
}

// status is every instance by its full name.
func (u *unit) status() map[string]control.Status {
	u.t.Helper()
	all, _, err := u.client.Status(context.Background())
	if err != nil {
		u.t.Fatalf("status: %v", err)
	}
	return byName(all)
}

// statusJSON is the same from `bulkhead ctl status --json`.
func (u *unit) statusJSON() map[string]control.Status {
	u.t.Helper()
	var all []control.Status
	out := u.output("status", "--json")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		u.t.Fatalf("status --json: %v in %q", err, out)
	}
	return byName(all)
}

func byName(all []control.Status) map[string]control.Status {
	m := map[string]control.Status{}
	for _, s := range all {
		if s.Group != "" && s.Group != s.Name {
			s.Name = s.Group + ":" + s.Name
		}
		s.Cgroup = "/" + strings.Trim(strings.TrimPrefix(s.Cgroup, mount), "/")
		m[s.Name] = s
	}
	return m
}

// running waits until exactly the named instances run, and returns them.
func (u *unit) running(names ...string) map[string]control.Status {
	u.t.Helper()
	var all map[string]control.Status
	eventually(u.t, fmt.Sprintf("%q are running", names), func() bool {
		all = u.status()
		if len(all) != len(names) {
			return false
		}
		for _, name := range names {
			if s, ok := all[name]; !ok || s.State != "RUNNING" {
				return false
			}
		}
		return true
	})
	return all
}

// killLeft ends what a test has left in the slice, which is no good sign.
func killLeft(t *testing.T) {
	t.Helper()
	if strings.Contains(slurp(sliceTree+"/cgroup.events"), "populated 1") {
		t.Error("programs are left in the slice after systemctl stop")
		write(t, sliceTree+"/cgroup.kill", "1")
		eventually(t, "they end", func() bool { return strings.Contains(slurp(sliceTree+"/cgroup.events"), "populated 0") })
	}
	_ = exec.Command("find", sliceTree+"/bulkhead", "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
}

// inSlice are the names of the cgroups in the slice.
func inSlice() (names []string) {
	all, _ := os.ReadDir(sliceTree)
	for _, e := range all {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// gone fails the test if a process of all, or a cgroup of the unit or of its programs, is left.
func (u *unit) gone(all map[string]control.Status) {
	u.t.Helper()
	for name, s := range all {
		if text := slurp(procStat(s.PID)); text != "" {
			u.t.Errorf("%s is left: %s", name, text)
		}
	}
	if left := inSlice(); len(left) > 0 {
		u.t.Errorf("in the slice is left: %q", left)
	}
	if _, err := os.Stat(mount + "/system.slice/" + unitName); !errors.Is(err, fs.ErrNotExist) {
		u.t.Errorf("the unit's cgroup is left: %v", err)
	}
}

// tell prints what can explain a failure.
func (u *unit) tell() {
	out, _ := exec.Command("systemctl", "status", "--no-pager", unitName).CombinedOutput()
	u.t.Logf("%s", out)
	out, _ = exec.Command("find", mount, "-path", "*bulkhead*", "-name", "cgroup.procs", "-exec", "grep", "-H", "", "{}", "+").CombinedOutput()
	u.t.Logf("processes:\n%s", out)
	log := strings.Split(slurp(filepath.Join(u.dir, "log")), "\n")
	u.t.Logf("log:\n%s", strings.Join(log[max(len(log)-30, 0):], "\n"))
}

func procStat(pid int) string { return fmt.Sprintf("/proc/%d/stat", pid) }
