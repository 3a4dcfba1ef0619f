//go:build kernel

package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// nobody is the user of the tests.
const nobody = 65534

// userManager starts a user's own systemd, without logind and PAM, which are
// not everywhere and have no part in delegation.
func userManager(t *testing.T, uid int) (runtimeDir string) {
	t.Helper()
	units := filepath.Join(t.TempDir(), "units")
	if err := os.Mkdir(units, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := units; dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"basic.target", "shutdown.target", "exit.target", "systemd-exit.service"} {
		if err := os.Symlink("/usr/lib/systemd/user/"+name, filepath.Join(units, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(units, "default.target"), "[Unit]\nRequires=basic.target\n")
	runtimeDir = fmt.Sprintf("/run/user/%d", uid)
	write(t, filepath.Join(unitDir, "user-runtime-dir@.service"),
		"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=install -d -m 700 -o %i -g %i /run/user/%i\n")
	dropin := filepath.Join(unitDir, "user@.service.d")
	if err := os.MkdirAll(dropin, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dropin, "test.conf"), fmt.Sprintf("[Service]\nPAMName=\nGroup=%%i\nEnvironment=XDG_RUNTIME_DIR=%s SYSTEMD_UNIT_PATH=%s HOME=%[1]s\n", runtimeDir, units))
	for _, args := range [][]string{{"daemon-reload"}, {"start", fmt.Sprintf("user@%d.service", uid)}} {
		if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
			t.Fatalf("systemctl %q: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() {
		_ = exec.Command("systemctl", "stop", fmt.Sprintf("user@%d.service", uid), fmt.Sprintf("user-runtime-dir@%d.service", uid)).Run()
		_ = os.RemoveAll(dropin)
	})
	return runtimeDir
}

// asNobody is a command of the user's, who reaches his systemd.
func asNobody(runtimeDir string, args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + runtimeDir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// reachable puts the program beside the config, within the reach of every user.
func reachable(t *testing.T, config string) (bin string) {
	t.Helper()
	bin = filepath.Join(filepath.Dir(config), "program")
	if out, err := exec.Command("install", "-m", "755", program(t), bin).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// The way for an ordinary user that bulkhead itself names. A service of his
// stands for his session: from there his systemd may move a process.
func TestSystemdUserScope(t *testing.T) {
	runtimeDir := userManager(t, nobody)
	config, socket := ownConfig(t, nobody)
	cmd := asNobody(runtimeDir, "systemd-run", "--user", "--unit=session", "systemd-run", "--user", "--scope", "--unit=bulkhead-test", "-p", "Delegate=yes",
		reachable(t, config), "serve", "-c", config)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("systemd-run --user: %v\n%s", err, out)
	}
	inScope(t, socket, "bulkhead-test.scope")
}

// A user's service in a slice of ours keeps its programs as the host's does.
func TestSystemdUserService(t *testing.T) {
	runtimeDir := userManager(t, nobody)
	config, socket := ownConfig(t, nobody)
	ctl := func(args ...string) {
		t.Helper()
		if out, err := asNobody(runtimeDir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	ctl("systemd-run", "--user", "--unit=bulkhead", "--slice="+sliceName, "-p", "Delegate=yes", "-p", "Type=notify", "-p", "KillMode=mixed",
		"-p", "RestartKillSignal=SIGRTMIN+2", "-p", "FileDescriptorStoreMax=4", reachable(t, config), "serve", "-c", config)
	u := &unit{t: t, client: control.Dial(socket)}
	t.Cleanup(u.client.Close)
	main := u.answers("")
	before := u.running("plain")
	slice := fmt.Sprintf("/user.slice/user-%d.slice/user@%[1]d.service/%s", nobody, sliceName)
	if own := slurp("/proc/" + main + "/cgroup"); own != "0::"+slice+"/"+unitName {
		t.Errorf("bulkhead runs in %q", own)
	}
	if got := before["plain"].Cgroup; got != slice+"/bulkhead/programs/plain/plain.1" {
		t.Errorf("its program runs in %q", got)
	}
	ctl("systemctl", "--user", "restart", unitName)
	u.answers(main)
	before = u.same(before)
	ctl("systemctl", "--user", "daemon-reload")
	u.limited(before)
	ctl("systemctl", "--user", "stop", unitName)
	if text := slurp(procStat(before["plain"].PID)); text != "" {
		t.Errorf("the program is left: %s", text)
	}
	if _, err := os.Stat(mount + slice + "/bulkhead"); !os.IsNotExist(err) {
		t.Errorf("its cgroup is left: %v", err)
	}
}
