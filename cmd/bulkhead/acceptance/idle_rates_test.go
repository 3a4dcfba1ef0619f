//go:build rates

package acceptance_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// Two hundred limited instances that do nothing cost nothing.
func TestKernelIdle(t *testing.T) {
	onKernel(t)
	const instances = 200
	s := serve(t, "require", fmt.Sprintf(`
[programs.idle]
command  = "sleep 1000000"
numprocs = %d
[programs.idle.limits]
memory_max      = "16M"
memory_swap_max = "0"
pids_max        = 8
[programs.idle.recycle]
max_memory = "12M"
`, instances))
	s.events.await(t, "all up", atLeast(instances, kindOf("ready")))
	time.Sleep(15 * time.Second) // emulated, it takes them ten to run no more, and the start's garbage is given back by then
	pid := s.cmd.Process.Pid
	const span = 30 * time.Second
	idle := func(when string) {
		ticks, switches := cpuTicks(t, pid), voluntary(t, pid)
		time.Sleep(span)
		figure("idle with %d instances, in %v %s: %d ticks of CPU time (100 a second), %d voluntary context switches of all threads",
			instances, span, when, cpuTicks(t, pid)-ticks, voluntary(t, pid)-switches)
	}
	idle("after the start")
	time.Sleep(time.Minute) // each is looked at once more, after its own first seconds
	idle("later")
	rollup := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	figure("idle with %d instances: Pss %d KiB (anonymous %d KiB, in huge pages %d KiB)", instances,
		procField(t, rollup, "Pss:"), procField(t, rollup, "Pss_Anon:"), procField(t, rollup, "AnonHugePages:"))
	for _, st := range s.status() {
		if st.State != "RUNNING" || st.Run != 1 || st.Enforced != "kernel" || st.MemoryMaxBytes != 16<<20 {
			t.Errorf("%+v", st)
		}
	}
	if n := len(pick(s.events.events(), func(e control.Event) bool { return e.Kind == "ended" || e.Kind == "trouble" })); n > 0 {
		t.Errorf("%d events of trouble or of an end", n)
	}
	s.ctl("stop", "all")
}

// cpuTicks is utime + stime of a process (proc_pid_stat(5), fields 14 and 15).
func cpuTicks(t *testing.T, pid int) int64 {
	t.Helper()
	text := slurp(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return user + system
}

// voluntary counts how often threads of a process have gone to sleep, that is,
// how often they were woken.
func voluntary(t *testing.T, pid int) int64 {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, path := range tasks {
		sum += procField(t, path, "voluntary_ctxt_switches:")
	}
	return sum
}
