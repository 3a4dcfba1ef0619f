//go:build kernel

package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// idle is a program that does nothing, with more keys.
func idle(name string, keys ...string) string {
	return fmt.Sprintf("[programs.%s]\ncommand = \"sleep 100000\"\nstartsecs = 0\n%s\n", name, strings.Join(keys, "\n"))
}

func TestSystemdServiceLimits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll("/var/log/bulkhead")
	u := install(t, idle("plain")+idle("sized", "[programs.sized.limits]", `memory_max = "64M"`, "oom_score_adj = 500", "pids_max = 33", `cpu_max = "50%"`)+
		fmt.Sprintf(`
[programs.hog]
command     = [%q]
environment = { %s = "hog" }
startsecs   = 0
autostart   = false
autorestart = false
[programs.hog.limits]
memory_max      = "48M"
memory_swap_max = "0"
`, self, roleKey))
	u.start()
	eventually(t, "both run", func() bool {
		all := u.status()
		return all["plain"].State == "RUNNING" && all["sized"].State == "RUNNING"
	})
	u.expect("ActiveState=active", "OOMPolicy=continue", "ControlGroup=/"+sliceName+"/"+unitName)

	main := u.property("MainPID")
	if own := slurp("/proc/" + main + "/cgroup"); own != "0::/bulkhead.slice/bulkhead.service" {
		t.Errorf("bulkhead runs in %q", own)
	}
	all := u.statusJSON()
	for name, want := range map[string]struct{ files map[string]string }{
		"plain": {map[string]string{"memory.max": "max", "memory.oom.group": "1"}},
		"sized": {map[string]string{"memory.max": "67108864", "pids.max": "33", "cpu.max": "50000 100000", "memory.oom.group": "1"}},
	} {
		s := all[name]
		dir := mount + s.Cgroup
		if !strings.HasPrefix(dir, sliceTree+"/bulkhead/programs/"+name+"/") {
			t.Errorf("%s runs in %q", name, s.Cgroup)
		}
		if s.Enforced != "kernel" {
			t.Errorf("the limits of %s are held by %q", name, s.Enforced)
		}
		have := strings.Fields(slurp(dir + "/cgroup.controllers"))
		slices.Sort(have)
		if !slices.Equal(have, []string{"cpu", "io", "memory", "pids"}) {
			t.Errorf("%s has the controllers %q", name, have)
		}
		for file, value := range want.files {
			if got := slurp(filepath.Join(dir, file)); got != value {
				t.Errorf("%s of %s is %q, want %q", file, name, got, value)
			}
		}
	}
	if s := all["sized"]; s.MemoryMaxBytes != 64<<20 || s.OOMScoreAdj != 500 {
		t.Errorf("status says memory_max %d, oom_score_adj %d", s.MemoryMaxBytes, s.OOMScoreAdj)
	}
	for pid, want := range map[string]string{main: "-900", fmt.Sprint(all["plain"].PID): "0", fmt.Sprint(all["sized"].PID): "500"} {
		if got := slurp("/proc/" + pid + "/oom_score_adj"); got != want {
			t.Errorf("process %s has oom_score_adj %s, want %s: %s", pid, got, want, slurp("/proc/"+pid+"/comm"))
		}
	}

	if min := slurp(sliceTree + "/" + unitName + "/memory.min"); min != "33554432" || slurp(sliceTree+"/memory.min") != min {
		t.Errorf("bulkhead has memory.min %s, its slice %s", min, slurp(sliceTree+"/memory.min"))
	}

	if info, err := os.Stat("/var/log/bulkhead"); err != nil || !info.IsDir() {
		t.Errorf("the folder of the logs: %v", err)
	}
	u.output("start", "hog")
	eventually(t, "the hog is killed", func() bool { r := u.status()["hog"].LastReason; return r != nil && r.Kind == "oom_killed" })
	after := u.status()
	for _, name := range []string{"plain", "sized"} {
		if after[name].PID != all[name].PID || after[name].State != "RUNNING" {
			t.Errorf("%s was pid %d and is %s as pid %d", name, all[name].PID, after[name].State, after[name].PID)
		}
	}
	u.expect("ActiveState=active", "SubState=running", "NRestarts=0", "MainPID="+main)
	u.systemctl("stop", unitName)
	u.expect("Result=success", "ActiveState=inactive")
	u.gone(all)
}

// The journal tells of the problems, and systemd does not try for ever.
func TestSystemdServiceWithProblems(t *testing.T) {
	u := install(t, "[programs.queue]\nnumprocs = 2\n", "RestartSec=100ms")
	if err := exec.Command("systemctl", "start", unitName).Run(); err == nil {
		t.Error("systemctl start succeeded")
	}
	eventually(t, "systemd gives up", func() bool { return u.property("ActiveState") == "failed" })
	tries := u.property("StartLimitBurst")
	u.expect("Result=exit-code", "NRestarts="+tries)
	log := slurp(filepath.Join(u.dir, "log"))
	if n := strings.Count(log, "programs.queue: the command is missing"); fmt.Sprint(n) != tries {
		t.Errorf("the log tells %d times of the missing command, want %s:\n%s", n, tries, log)
	}
	u.gone(nil)
}

func TestSystemdServiceReload(t *testing.T) {
	u := install(t, idle("queue", "numprocs = 2")+idle("other"))
	u.start()
	before := u.running("queue:queue_00", "queue:queue_01", "other")
	u.programs(idle("queue", "numprocs = 4") + idle("other"))
	u.systemctl("reload", unitName)
	grown := u.running("queue:queue_00", "queue:queue_01", "queue:queue_02", "queue:queue_03", "other")
	u.programs(idle("queue", "numprocs = 3") + idle("other"))
	u.systemctl("reload", unitName)
	shrunk := u.running("queue:queue_00", "queue:queue_01", "queue:queue_02", "other")
	for name, s := range before {
		if grown[name].PID != s.PID || shrunk[name].PID != s.PID {
			t.Errorf("%s was pid %d, then %d, then %d", name, s.PID, grown[name].PID, shrunk[name].PID)
		}
	}
	if grown["queue:queue_02"].PID != shrunk["queue:queue_02"].PID {
		t.Errorf("queue_02 was pid %d, then %d", grown["queue:queue_02"].PID, shrunk["queue:queue_02"].PID)
	}
	// One with problems changes nothing.
	u.programs("[programs.queue]\nnumprocs = -1\n")
	u.systemctl("reload", unitName)
	eventually(t, "the log tells of the problem", func() bool { return strings.Contains(slurp(filepath.Join(u.dir, "log")), "could not be done") })
	u.expect("ActiveState=active", "NRestarts=0")
	for name, s := range u.running("queue:queue_00", "queue:queue_01", "queue:queue_02", "other") {
		if s.PID != shrunk[name].PID {
			t.Errorf("%s was pid %d and is %d after a config with problems", name, shrunk[name].PID, s.PID)
		}
	}
}

// slowly is a program that tells when it is asked to stop, and takes its time.
func slowly(name string, priority int, order string) string {
	return fmt.Sprintf(`[programs.%s]
command   = ["sh", "-c", '''trap 'echo %[1]s asked >> %[3]s; sleep 1; echo %[1]s ends >> %[3]s; exit 0' TERM; echo %[1]s >> %[3]s.ready; while :; do sleep 0.1; done''']
priority  = %[2]d
startsecs = 0
`, name, priority, order)
}

func TestSystemdServiceStop(t *testing.T) {
	order := filepath.Join(t.TempDir(), "order")
	deaf := `[programs.deaf]
command      = ["sh", "-c", "trap '' TERM; setsid sleep 100000 & while :; do sleep 1; done"]
stopwaitsecs = 2
priority     = 1
startsecs    = 0
`
	u := install(t, slowly("first", 10, order)+slowly("second", 20, order)+slowly("third", 30, order)+deaf)
	u.start()
	all := u.running("first", "second", "third", "deaf")
	eventually(t, "everybody has set its trap", func() bool {
		return len(strings.Fields(slurp(mount+all["deaf"].Cgroup+"/cgroup.procs"))) == 3 && len(strings.Fields(slurp(order+".ready"))) == 3
	})
	began := time.Now()
	u.systemctl("stop", unitName)
	t.Logf("stopped in %v", time.Since(began).Round(time.Millisecond))
	want := "third asked\nthird ends\nsecond asked\nsecond ends\nfirst asked\nfirst ends"
	if got := slurp(order); got != want {
		t.Errorf("they were stopped as\n%s\nwant\n%s", got, want)
	}
	u.expect("Result=success", "ActiveState=inactive", "ExecMainStatus=0")
	u.gone(all)
}
