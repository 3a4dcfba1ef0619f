//go:build kernel

package systemd_test

import (
	"strings"
	"testing"
)

// Somebody's own unit, as it had to be before bulkhead knew of a slice of its own: the programs live
// in the service's cgroup, and are started anew with it.
func TestSystemdElsewhereRestart(t *testing.T) {
	u := install(t, idle("queue", "numprocs = 3", "[programs.queue.limits]", `memory_max = "64M"`), elsewhere)
	u.start()
	names := []string{"queue:queue_00", "queue:queue_01", "queue:queue_02"}
	for range 3 {
		before, main := u.running(names...), u.property("MainPID")
		u.systemctl("restart", unitName)
		u.answers(main)
		for name, s := range u.running(names...) {
			if s.PID == before[name].PID {
				t.Errorf("%s is still pid %d", name, s.PID)
			}
			if !strings.HasPrefix(s.Cgroup, "/system.slice/"+unitName+"/bulkhead/programs/") {
				t.Errorf("%s runs in %q", name, s.Cgroup)
			}
			if got := slurp(mount + s.Cgroup + "/memory.max"); got != "67108864" || s.Enforced != "kernel" {
				t.Errorf("%s has memory.max %q, held by %q", name, got, s.Enforced)
			}
		}
	}
	u.expect("ActiveState=active", "NRestarts=0", "Result=success")
	all := u.status()
	u.systemctl("stop", unitName)
	u.gone(all)
}

// What kill -9, an internal error or the host's OOM killer do to bulkhead there:
// systemd ends the programs before it starts the next one.
func TestSystemdElsewhereCrash(t *testing.T) {
	for name, extra := range map[string]string{
		"mixed":         "",
		"on failure":    "Restart=on-failure",
		"control-group": "KillMode=control-group",
	} {
		t.Run(name, func(t *testing.T) {
			u := install(t, idle("queue", "numprocs = 2"), elsewhere, extra, "RestartSec=100ms")
			u.start()
			names := []string{"queue:queue_00", "queue:queue_01"}
			for range 2 {
				before := u.running(names...)
				u.answers(u.crash())
				after := u.running(names...)
				for name, s := range before {
					if slurp(procStat(s.PID)) != "" {
						t.Errorf("%s, pid %d, has outlived its supervisor", name, s.PID)
					}
					if own := slurp(mount + after[name].Cgroup + "/cgroup.procs"); len(strings.Fields(own)) != 1 {
						t.Errorf("%s has the processes %q", name, own)
					}
				}
			}
			u.expect("ActiveState=active", "NRestarts=2")
		})
	}
}
