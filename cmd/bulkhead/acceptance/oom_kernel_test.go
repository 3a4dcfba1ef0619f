//go:build kernel

package acceptance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// inflate takes memory until it is killed. head(1) does not: it writes what it has.
const inflate = `x=a; while :; do x=$x$x$x$x; done`

// foreignCgroup makes a cgroup beside the supervisor's tree, of so many bytes.
func foreignCgroup(t *testing.T, name, limit string) string {
	t.Helper()
	if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("/sys/fs/cgroup", name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	for file, value := range map[string]string{"memory.max": limit, "memory.swap.max": "0"} {
		err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644)
		if err != nil && !(file == "memory.swap.max" && errors.Is(err, os.ErrNotExist)) {
			t.Fatal(err)
		}
	}
	return dir
}

// burst has a process killed in a cgroup of its own, and returns its pid.
func burst(t *testing.T, dir string) int {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := exec.Command("sh", "-c", inflate)
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process in %s ended with %v, not by the OOM killer", dir, err)
	}
	return c.Process.Pid
}

// kills are what `ctl oom` shows.
func (s *supervisor) kills() (all []control.OOMKill) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.ctl("oom", "--json", "-n", "0")), &all); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// What the kernel kills for want of memory is known, whosever it was, once, and to the
// next supervisor too; of others it is told as an event, of ours by the end of the run.
func TestKernelOOMLog(t *testing.T) {
	onKernel(t)
	const limit = 16 << 20
	dir := foreignCgroup(t, "foreign-oom", fmt.Sprint(limit))
	early := burst(t, dir) // before there is a supervisor
	s := serve(t, "require", `
[programs.balloon]
command     = ["sh", "-c", '''`+inflate+`''']
autostart   = false
autorestart = false
startsecs   = 0
[programs.balloon.limits]
memory_max      = "24M"
memory_swap_max = "0"
`)
	find := func(pid int) (all []control.OOMKill) {
		for _, k := range s.kills() {
			if k.Victim.PID == pid {
				all = append(all, k)
			}
		}
		return all
	}
	eventually(t, "the kill before the supervisor is known", func() bool { return len(find(early)) == 1 })

	pid := burst(t, dir)
	eventually(t, "the kill is known", func() bool { return len(find(pid)) == 1 })
	k := find(pid)[0]
	switch {
	case k.Name != "" || k.Limit != "memcg" || k.Cgroup != "/foreign-oom" || k.LimitOf != "/foreign-oom":
		t.Errorf("whose: %q, %q in %q, limit of %q", k.Name, k.Limit, k.Cgroup, k.LimitOf)
	case k.Max != limit || k.Usage < limit/2 || k.Usage > limit:
		t.Errorf("usage %d of %d", k.Usage, k.Max)
	case k.Victim.Command != "sh" || k.Victim.UID != 0 || k.Victim.RSS < limit/2 || k.Victim.RSS > 2*limit || k.Victim.TotalVM < k.Victim.Anon:
		t.Errorf("victim %+v", k.Victim)
	case k.Invoker == nil || k.Invoker.Command != "sh" || k.Invoker.PID != pid:
		t.Errorf("invoker %+v", k.Invoker)
	case len(k.Holders) != 1 || k.Holders[0].PID != pid || k.Holders[0].RSS < limit/2:
		t.Errorf("holders %+v", k.Holders)
	}

	s.ctl("start", "balloon")
	s.events.await(t, "ours is killed", first(endedAs("oom_killed")))
	own := func() (all []control.OOMKill) {
		for _, k := range s.kills() {
			if k.Name != "" {
				all = append(all, k)
			}
		}
		return all
	}
	eventually(t, "the kill of ours is known", func() bool { return len(own()) == 1 })
	if k := own()[0]; k.Name != "balloon" || k.Run != 1 || !k.Whole || k.Max != 24<<20 {
		t.Errorf("ours: %+v", k)
	}

	before := s.kills()
	s.crash()
	unseen := burst(t, dir) // nobody is there
	s.start()
	eventually(t, "the kill in the gap is known", func() bool { return len(find(unseen)) == 1 })
	after := s.kills()
	if len(after) != len(before)+1 || !slices.EqualFunc(before, after[:len(before)], func(a, b control.OOMKill) bool {
		return a.Sequence == b.Sequence && a.At.Equal(b.At) && a.Name == b.Name
	}) {
		t.Errorf("before the crash\n%+v\nand after\n%+v", before, after)
	}
	var told []int
	for _, e := range pick(s.events.events(), kindOf("oom_kill")) {
		told = append(told, e.PID)
	}
	if !slices.Contains(told, unseen) || slices.Contains(told, early) || slices.Contains(told, own()[0].Victim.PID) {
		t.Errorf("told of %v; before the start %d, in the gap %d, ours %d", told, early, unseen, own()[0].Victim.PID)
	}
	s.upgrade()
	if now := s.kills(); len(now) != len(after) {
		t.Errorf("an upgrade makes %d kills of %d", len(now), len(after))
	}
}
