//go:build kernel

package systemd_test

import (
	"strconv"
	"syscall"
	"testing"
)

// systemctl start returns when the first processes are there, and not before.
func TestSystemdServiceReadiness(t *testing.T) {
	u := install(t, idle("first")+idle("second"))
	u.systemctl("start", unitName)
	for name, s := range u.statusJSON() {
		if s.PID == 0 {
			t.Errorf("%s has no process when the unit is started: %s", name, s.State)
		}
	}
	u.expect("Type=notify", "ActiveState=active", "StatusText=2 instances")
}

// The watchdog is fed by the loop: a supervisor that works stays, one that
// hangs is killed and comes back.
func TestSystemdServiceWatchdog(t *testing.T) {
	u := install(t, idle("first"), "WatchdogSec=10", "RestartSec=100ms")
	u.start()
	before, main := u.running("first"), u.property("MainPID")
	fed := u.property("WatchdogTimestampMonotonic")
	eventually(t, "the watchdog is fed", func() bool { return u.property("WatchdogTimestampMonotonic") != fed })
	u.expect("MainPID="+main, "NRestarts=0")
	pid, err := strconv.Atoi(main)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another one", func() bool {
		now := u.property("MainPID")
		return now != main && now != "0" && u.property("NRestarts") != "0"
	})
	u.answers(main)
	u.same(before)
}
