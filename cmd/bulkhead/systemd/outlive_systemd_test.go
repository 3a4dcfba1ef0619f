//go:build kernel

package systemd_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// same waits until the instances of before run, and fails the test unless each
// is the process it was, where it was, with its limit, and no process is there twice.
func (u *unit) same(before map[string]control.Status) map[string]control.Status {
	u.t.Helper()
	after := u.running(slices.Collect(maps.Keys(before))...)
	for name, was := range before {
		is := after[name]
		if is.PID != was.PID || is.Cgroup != was.Cgroup || is.Restarts != was.Restarts {
			u.t.Errorf("%s was pid %d in %s after %d restarts, and is pid %d in %s after %d", name, was.PID, was.Cgroup, was.Restarts, is.PID, is.Cgroup, is.Restarts)
		}
		if is.UptimeSeconds < was.UptimeSeconds {
			u.t.Errorf("%s was up for %v, and is for %v", name, was.UptimeSeconds, is.UptimeSeconds)
		}
		if is.Enforced != "kernel" {
			u.t.Errorf("the limits of %s are held by %q", name, is.Enforced)
		}
	}
	u.limited(before)
	return after
}

// limited looks at the kernel's side, whether a supervisor is there or not.
func (u *unit) limited(all map[string]control.Status) {
	u.t.Helper()
	for name, s := range all {
		if own := strings.Fields(slurp(mount + s.Cgroup + "/cgroup.procs")); !slices.Equal(own, []string{fmt.Sprint(s.PID)}) {
			u.t.Errorf("%s was pid %d, its cgroup holds %q", name, s.PID, own)
		}
		want := "max"
		if s.MemoryMaxBytes > 0 {
			want = fmt.Sprint(s.MemoryMaxBytes)
		}
		if got := slurp(mount + s.Cgroup + "/memory.max"); got != want {
			u.t.Errorf("%s has memory.max %s, want %s", name, got, want)
		}
	}
}

const queues = "numprocs = 3\n[programs.queue.limits]\nmemory_max = \"64M\""

var queueNames = []string{"queue:queue_00", "queue:queue_01", "queue:queue_02"}

func TestSystemdServiceRestart(t *testing.T) {
	u := install(t, idle("queue", queues))
	u.start()
	before := u.running(queueNames...)
	for _, verb := range []string{"restart", "try-restart", "reload-or-restart", "restart"} {
		main := u.property("MainPID")
		u.systemctl(verb, unitName)
		if verb != "reload-or-restart" { // which reloads
			u.answers(main)
		}
		before = u.same(before)
	}
	u.expect("ActiveState=active", "NRestarts=0", "Result=success")
	u.systemctl("stop", unitName)
	u.expect("Result=success", "ActiveState=inactive")
	u.gone(before)
}

// What kill -9, an internal error or the host's OOM killer do to bulkhead.
func TestSystemdServiceCrash(t *testing.T) {
	for name, extra := range map[string]string{
		"as shipped":    "",
		"on failure":    "Restart=on-failure",
		"control-group": "KillMode=control-group",
		"process":       "KillMode=process",
	} {
		t.Run(name, func(t *testing.T) {
			u := install(t, idle("queue", queues), extra, "RestartSec=100ms")
			u.start()
			before := u.running(queueNames...)
			for range 2 {
				u.answers(u.crash())
				before = u.same(before)
			}
			u.expect("ActiveState=active", "NRestarts=2")
			u.systemctl("stop", unitName)
			u.gone(before)
		})
	}
}

// What systemd does meanwhile, here and around, is nothing to them; neither is a
// service that fails for good, until somebody starts it again.
func TestSystemdServiceFailsForGood(t *testing.T) {
	u := install(t, idle("queue", queues), "RestartSec=100ms")
	other := filepath.Join(unitDir, "other.service")
	write(t, other, "[Service]\nSlice="+sliceName+"\nExecStart=sleep 100000\n")
	t.Cleanup(func() { _ = os.Remove(other) })
	u.start()
	before := u.running(queueNames...)
	good, bad := slurp(u.config), "[programs.queue]\nnumprocs = 2\n" // no command
	u.programs(bad)
	if out, err := exec.Command("systemctl", "restart", unitName).CombinedOutput(); err == nil {
		t.Errorf("restart with a config that has problems: %s", out)
	}
	eventually(t, "systemd gives up", func() bool { return u.property("ActiveState") == "failed" })
	u.limited(before)
	for _, args := range [][]string{
		{"daemon-reload"}, {"daemon-reexec"}, {"reset-failed", unitName}, {"start", "other.service"}, {"daemon-reload"},
		{"stop", "other.service"}, {"set-property", "--runtime", sliceName, "CPUWeight=50"}, {"stop", sliceName}, {"daemon-reexec"},
	} {
		u.systemctl(args...)
		u.limited(before)
	}
	write(t, u.config, good)
	u.start()
	u.same(before)
	u.systemctl("stop", unitName)
	u.gone(before)
}

// Who asks while there is no supervisor waits for the next one; what a program
// tells meanwhile is counted.
func TestSystemdServiceSockets(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	word := filepath.Join(t.TempDir(), "word")
	u := install(t, fmt.Sprintf("[programs.teller]\ncommand = [%q]\nenvironment = { %s = \"teller\", %s = %q }\nstartsecs = 0\nnotify = true\n", self, roleKey, wordKey, word), "RestartSec=3")
	u.start()
	before := u.running("teller")
	main := u.crash()
	eventually(t, "systemd waits", func() bool { return u.property("SubState") == "auto-restart" })
	u.expect("NFileDescriptorStore=2")
	asked := make(chan error, 1)
	go func() {
		client := control.Dial("/run/bulkhead/bulkhead.sock")
		defer client.Close()
		ctx, enough := context.WithTimeout(context.Background(), patience)
		defer enough()
		_, err := client.Version(ctx)
		asked <- err
	}()
	write(t, word, "")
	eventually(t, "the program has told", func() bool { _, err := os.Stat(word + ".done"); return err == nil })
	u.expect("SubState=auto-restart")
	if err := <-asked; err != nil {
		t.Errorf("asked while there was no supervisor: %v", err)
	}
	u.answers(main)
	u.same(before)
	eventually(t, "the jobs are counted", func() bool { return u.status()["teller"].JobsDone == 3 })
	u.systemctl("restart", unitName)
	u.expect("NFileDescriptorStore=2")
	u.systemctl("stop", unitName)
	u.expect("NFileDescriptorStore=0")
}

// A stop is a stop, in whatever state the restart before it is.
func TestSystemdServiceStopAfterRestart(t *testing.T) {
	order := filepath.Join(t.TempDir(), "order")
	u := install(t, slowly("first", 10, order)+slowly("second", 20, order))
	u.start()
	eventually(t, "everybody has set its trap", func() bool { return len(strings.Fields(slurp(order+".ready"))) == 2 })
	before := u.running("first", "second")
	u.systemctl("restart", "--no-block", unitName)
	u.systemctl("stop", unitName)
	if got, want := slurp(order), "second asked\nsecond ends\nfirst asked\nfirst ends"; got != want {
		t.Errorf("they were stopped as\n%s\nwant\n%s", got, want)
	}
	u.expect("ActiveState=inactive")
	u.gone(before)
}

// A stop that comes before the new bulkhead can hear it ends that, and is obeyed all
// the same: what a process that never hears anything stands for here.
func TestSystemdServiceStopUnheard(t *testing.T) {
	order := filepath.Join(t.TempDir(), "order")
	u := install(t, slowly("first", 10, order)+slowly("second", 20, order))
	u.start()
	eventually(t, "everybody has set its trap", func() bool { return len(strings.Fields(slurp(order+".ready"))) == 2 })
	before := u.running("first", "second")
	deaf := filepath.Join("/run/systemd/system", unitName+".d", "zz-deaf.conf")
	write(t, deaf, "[Service]\nExecStart=\nExecStart=/bin/sleep 1000\n")
	t.Cleanup(func() { _ = os.Remove(deaf) })
	u.systemctl("daemon-reload")
	u.systemctl("restart", "--no-block", unitName)
	eventually(t, "it is the deaf one's turn", func() bool {
		name, _ := os.ReadFile("/proc/" + u.property("MainPID") + "/comm")
		return strings.TrimSpace(string(name)) == "sleep"
	})
	u.systemctl("stop", unitName)
	if got, want := slurp(order), "second asked\nsecond ends\nfirst asked\nfirst ends"; got != want {
		t.Errorf("they were stopped as\n%s\nwant\n%s", got, want)
	}
	u.expect("ActiveState=inactive")
	u.gone(before)
}
