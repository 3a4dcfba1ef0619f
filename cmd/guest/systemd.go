package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// unitVerb makes this program the service that runs the command under systemd.
const unitVerb = "unit"

// systemdPaths are where systemd may be, in the shared root.
var systemdPaths = []string{"/lib/systemd/systemd", "/usr/lib/systemd/systemd"}

func findSystemd() (string, error) {
	for _, p := range systemdPaths {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("cannot find systemd in %q: install systemd (make deps)", systemdPaths)
}

// Paths of a guest whose process 1 is systemd. It looks for units in unitDir
// alone: nothing of this machine is started, and nothing has to be masked.
const (
	unitDir   = "/run/systemd/system"
	unitName  = "guest.service"
	guestDir  = "/run/guest"
	guestSelf = guestDir + "/guest" // names without a sign that a unit would have to quote
	guestPlan = guestDir + "/plan.json"
)

// stockUnits are those of systemd's own that an ordinary service leans on,
// taken from the shared root where they are.
var stockUnits = []string{
	"sysinit.target", "basic.target", "multi-user.target", "shutdown.target", "final.target", "umount.target",
	"sockets.target", "timers.target", "paths.target", "slices.target", "local-fs.target", "swap.target", "network.target",
	"poweroff.target", "systemd-poweroff.service", "user.slice", "user@.service",
}

// guestUnit runs the command; it is what systemd boots to. Where it fails to,
// the machine dies at once, without an answer.
const guestUnit = `[Unit]
Description=the command of the guest
DefaultDependencies=no
FailureAction=poweroff-force

[Service]
Type=exec
ExecStart=` + guestSelf + " " + unitVerb + " " + guestPlan + `
StandardInput=null
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TasksMax=infinity
LimitCORE=0
OOMPolicy=continue
`

// becomeSystemd makes systemd process 1, in our place. It returns only when
// that cannot be done.
func (p plan) becomeSystemd() error {
	for _, dir := range []string{unitDir, guestDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot prepare systemd: %v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(unitDir, unitName), []byte(guestUnit), 0o644); err != nil {
		return fmt.Errorf("cannot prepare systemd: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot prepare systemd: %v", err)
	}
	links := map[string]string{guestSelf: self}
	for _, name := range stockUnits {
		links[filepath.Join(unitDir, name)] = filepath.Join("/lib/systemd/system", name)
	}
	for name, target := range links {
		if _, err := os.Stat(target); err != nil {
			continue // not in every version
		}
		if err := os.Symlink(target, name); err != nil {
			return fmt.Errorf("cannot prepare systemd: %v", err)
		}
	}
	if err := p.write(guestPlan); err != nil {
		return err
	}
	args := []string{p.Init, "--unit=" + unitName, "--log-target=console", "--log-color=no", "--show-status=no", "--dump-core=no"}
	// No generators: what they would make of this machine's fstab is not for here.
	env := append(slices.Clone(guestEnv), "SYSTEMD_UNIT_PATH="+unitDir, "SYSTEMD_GENERATOR_PATH=/run/none", "SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/none")
	return fmt.Errorf("cannot become %q: %v", p.Init, syscall.Exec(p.Init, args, env))
}

// unit is what inside is where process 1 is systemd: it runs the command,
// leaves the answer and switches the machine off.
func unit(planPath string) {
	p, err := readPlan(planPath)
	status := exitLane
	if err == nil {
		status, err = p.runCommand(&syscall.SysProcAttr{Setsid: true})
	}
	finish(status, err)
}
