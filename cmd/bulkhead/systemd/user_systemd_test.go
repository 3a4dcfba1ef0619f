//go:build kernel

package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
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

// The way for an ordinary user that bulkhead itself names. A service of his
// stands for his session: from there his systemd may move a process.
func TestSystemdUserScope(t *testing.T) {
	runtimeDir := userManager(t, nobody)
	config, socket := ownConfig(t, nobody)
	bin := filepath.Join(filepath.Dir(config), "program") // within the reach of every user
	if out, err := exec.Command("install", "-m", "755", program(t), bin).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("systemd-run", "--user", "--unit=session", "systemd-run", "--user", "--scope", "--unit=bulkhead-test", "-p", "Delegate=yes",
		bin, "serve", "-c", config)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + runtimeDir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("systemd-run --user: %v\n%s", err, out)
	}
	inScope(t, socket, "bulkhead-test.scope")
}
