//go:build kernel

package acceptance_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// What TestTakeoverKeepsEverything shows, where the kernel holds the limits.
func TestKernelTakeoverKeepsEverything(t *testing.T) {
	onKernel(t)
	keepsEverything(t, "require", ways)
}

// Limits stay in force over a takeover, tripwires are armed after it as before,
// and what hit its limit meanwhile is told as that.
func TestKernelTakeoverKeepsLimits(t *testing.T) {
	onKernel(t)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { keepsLimits(t, w) })
	}
}

func keepsLimits(t *testing.T, w way) {
	const limits = "memory_max = \"96M\"\nmemory_swap_max = \"0\"\npids_max = 32\n"
	// grows sleeps until SIGUSR1 has it grow, to more than its line.
	grows := func(name, to, keys string) string {
		program := ownProgram(t, "grow", "GROW_STEP=4194304", "GROW_PAUSE=10000", "GROW_TO="+to)
		command, rest, _ := strings.Cut(program, "\n")
		exe := strings.Trim(strings.TrimPrefix(command, "command = "), `[]"`)
		return fmt.Sprintf("[programs.%s]\ncommand = [\"sh\", \"-c\", '''trap \"exec %s\" USR1; sleep 1000000 & wait $!; wait $!''']\nstartsecs = 0\n%s%s[programs.%s.limits]\n%s",
			name, exe, rest, keys, name, limits)
	}
	s := serve(t, "require",
		grows("leak", "83886080", "[programs.leak.recycle]\nmax_memory = \"48M\"\nmin_lifetime = \"0s\"\n")+
			grows("balloon", "134217728", "autorestart = false\n")+
			grows("burst", "134217728", "autorestart = false\n"))
	before := map[string]control.Status{}
	for _, name := range []string{"leak", "balloon", "burst"} {
		before[name] = s.await(name, "is up", in("RUNNING"))
		s.ready(name)
	}
	held := func() string {
		var all strings.Builder
		for _, name := range []string{"leak", "balloon"} {
			for _, file := range []string{"memory.max", "memory.high", "memory.swap.max", "pids.max", "memory.oom.group"} {
				fmt.Fprintf(&all, "%s %s %s", name, file, slurp(filepath.Join(cgroupDir(before[name].Cgroup), file)))
			}
		}
		return all.String()
	}
	limited := held()
	w.goOn(s, func() {
		tellPID(t, before["burst"].PID, syscall.SIGUSR1)
		awaitEnd(t, before["burst"].PID)
	})
	if now := held(); now != limited {
		t.Errorf("limits before:\n%safter:\n%s", limited, now)
	}
	burst := s.await("burst", "has ended", in("EXITED"))
	if burst.LastReason.Kind != "oom_killed" || burst.OOMKills != 1 {
		t.Errorf("killed by its limit meanwhile: %+v, %+v", burst, burst.LastReason)
	}
	for _, name := range []string{"leak", "balloon"} {
		if st := s.one(name); st.PID != before[name].PID || st.Enforced != "kernel" {
			t.Errorf("%s: before %+v, after %+v", name, before[name], st)
		}
		tellPID(t, before[name].PID, syscall.SIGUSR1)
	}
	s.events.await(t, "the leak's recycle", first(endedAs("recycled")))
	wires := pick(s.events.events(), kindOf("tripwire"))
	if len(wires) != 1 || wires[0].Name != "leak" || !strings.Contains(wires[0].Message, "the kernel's tripwire") {
		t.Errorf("tripwires: %+v", wires)
	}
	leak := s.await("leak", "is new", func(st control.Status) bool { return st.State == "RUNNING" && st.Run == 2 })
	if r := leak.LastReason; leak.Recycles != 1 || leak.OOMKills != 0 || r.Detail != "max_memory" {
		t.Errorf("leak: %+v, %+v", leak, r)
	}
	balloon := s.await("balloon", "was killed", in("EXITED"))
	if r := balloon.LastReason; r.Kind != "oom_killed" || balloon.OOMKills != 1 || !strings.Contains(r.Detail, "memory_max 96M was hit") {
		t.Errorf("balloon: %+v, %+v", balloon, r)
	}
}

const small = `
[programs.w.limits]
memory_max      = "16M"
memory_swap_max = "0"
pids_max        = 8
[programs.w.recycle]
max_memory = "12M"
`

func TestKernelTakeoverOfAHundred(t *testing.T) {
	onKernel(t)
	takeOverMany(t, "require", 40, small)
}

func TestKernelUpgradePause(t *testing.T) {
	onKernel(t)
	upgradePause(t, "require", 40, 2, small)
}
