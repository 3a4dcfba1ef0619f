//go:build kernel

package acceptance_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// oomKills is how often the kernel's OOM killer has struck on this host.
func oomKills(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			return kills
		}
	}
	t.Fatal("/proc/vmstat has no oom_kill")
	return 0
}

// A program takes all of the host's memory, and has no limit. It is killed before the
// kernel chooses anybody; queue workers pause meanwhile and go on afterwards, and
// who matters is not touched. The program comes again, well-behaved this time.
func TestKernelHostShortOfMemory(t *testing.T) {
	onKernel(t)
	flag := filepath.Join(t.TempDir(), "once")
	hog := strings.Replace(ownProgram(t, "grow", "GROW_STEP=8388608", "GROW_PAUSE=20000", "GROW_HUGE=1", "GROW_TO=1099511627776"), "command = [", "command = [\"/bin/sh\", \"-c\", "+
		strconv.Quote("if [ -e "+flag+" ]; then exec sleep 1000000; fi; : > "+flag+"; exec \"$0\"")+", ", 1)
	before := oomKills(t)
	s := serve(t, "require", `
[host.pressure]
relief = "3s"
[programs.web]
command  = "sleep 1000000"
priority = 1
[programs.mail]
command       = ["/bin/sh", "-c", "trap : USR2 CONT; while :; do sleep 1; done"]
priority      = 500
numprocs      = 2
pause_signal  = "USR2"
resume_signal = "CONT"
[programs.hog]
`+hog+`
priority  = 999
startsecs = 0
`)
	gave := endedAs("gave_way")
	s.events.await(t, "the end of who takes everything", first(gave))
	told := func(what string) func(control.Event) bool {
		return func(e control.Event) bool { return e.Kind == "shortage" && strings.Contains(e.Message, what) }
	}
	s.events.await(t, "the next run of it", first(func(e control.Event) bool { return e.Kind == "ready" && e.Name == "hog" && e.Run > 1 }))
	s.events.await(t, "the ground", first(told("hold -> ground")))
	all := s.events.events()
	for _, e := range pick(all, func(e control.Event) bool { return e.Kind == "shortage" }) {
		t.Log(e.Message)
	}
	for _, e := range pick(all, func(e control.Event) bool { return e.Kind == "ended" }) {
		if e.Name != "hog" {
			t.Errorf("%s ended: %s", e.Name, e.Message)
		}
	}
	if e := pick(all, gave)[0]; !strings.HasPrefix(e.Reason.Detail, "killed: ") {
		t.Errorf("%+v", e.Reason)
	}
	if n := oomKills(t) - before; n != 0 {
		t.Errorf("the kernel killed %d", n)
	}
	for _, in := range s.status() {
		if in.State != "RUNNING" || in.Paused || in.Program != "hog" && in.Run != 1 {
			t.Errorf("%s is %s in run %d, paused %v", in.Name, in.State, in.Run, in.Paused)
		}
	}
	figure("a program without a limit that takes 8 MiB at a time: killed at %d MiB, no kill of the kernel's", pick(all, gave)[0].Reason.MemoryPeakBytes>>20)
}
