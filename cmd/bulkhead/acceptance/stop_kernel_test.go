//go:build kernel

package acceptance_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// The shell's way to be rid of a parent, of a terminal and of SIGTERM at once.
const daemons = `trap "" TERM
for i in 1 2 3; do (setsid sh -c "trap \"\" TERM HUP; while :; do sleep 1000; done" &) ; done
trap - TERM
while :; do sleep 1; done`

// One fork and then none: where the bomb has filled pids_max, a shell that cannot
// fork ends, and with it the main process before its time is up.
const bomb = `trap "" TERM
b() { b | b & }
b &
exec sleep 1000`

// One stop ends all of an instance, whatever it has made of itself.
func TestKernelStopLeavesNothing(t *testing.T) {
	onKernel(t)
	s := serve(t, "require", `
[supervisor.environment]
BULKHEAD_TEST_MARK = "stop"

[programs.daemons]
command = ["sh", "-c", '''`+daemons+`''']
[programs.daemons.limits]
pids_max = 16

[programs.bomb]
command      = ["sh", "-c", '''`+bomb+`''']
stopwaitsecs = 2
[programs.bomb.limits]
pids_max        = 48
memory_max      = "256M"
memory_swap_max = "0"
`)
	up := func(name string) func(control.Event) bool {
		return func(e control.Event) bool { return e.Kind == "ready" && e.Name == name }
	}
	s.events.await(t, "both up", func(all []control.Event) bool { return first(up("daemons"))(all) && first(up("bomb"))(all) })
	dir := map[string]string{}
	for _, st := range s.status() {
		dir[st.Name] = cgroupDir(st.Cgroup)
	}
	eventually(t, "a shell, its sleep, and three daemons of two", func() bool {
		return len(strings.Fields(slurp(filepath.Join(dir["daemons"], "cgroup.procs")))) >= 8
	})
	eventually(t, "a bomb that met pids_max", func() bool {
		return procField(t, filepath.Join(dir["bomb"], "pids.events"), "max ") > 0
	})
	if n := procField(t, filepath.Join(dir["bomb"], "pids.current"), ""); n > 48 {
		t.Errorf("the bomb has %d processes, over its pids_max 48", n)
	}
	if n := len(marked(t, "BULKHEAD_TEST_MARK=stop")); n < 9 {
		t.Errorf("%d processes bear the mark; it cannot tell whether any is left", n)
	}
	s.ctl("stop", "daemons", "bomb")

	if left := marked(t, "BULKHEAD_TEST_MARK=stop"); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	kinds := map[string]string{}
	for _, e := range pick(s.events.events(), kindOf("ended")) {
		kinds[e.Name] = e.Reason.Kind
	}
	if kinds["daemons"] != "stopped" || kinds["bomb"] != "stop_timeout" {
		t.Errorf("reasons %v, want stopped and stop_timeout", kinds)
	}
	s.end()
	for _, dir := range []string{dir["daemons"], dir["bomb"], filepath.Dir(dir["bomb"])} {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("cgroup %s is left: %v", dir, err)
		}
	}
}
