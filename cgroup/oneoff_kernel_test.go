//go:build kernel

package cgroup

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Many commands begin and end at once: each one has its limits, and the folder
// that the last one of a moment removes is there again for the next.
func TestKernelOneoffs(t *testing.T) {
	top := os.Getenv("BULKHEAD_KERNEL_CGROUP")
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range 25 {
				s, err := OpenOneoffs(Options{Mount: top, Mode: "require"})
				if err != nil {
					t.Error(err)
					return
				}
				g, err := s.New("true-"+string(rune('a'+n)), Limits{MemoryMax: 32 << 20, MemorySwapMax: 0, PidsMax: 5})
				if err != nil {
					t.Error(err)
					return
				}
				for file, want := range map[string]string{"memory.max": "33554432", "memory.swap.max": "0", "pids.max": "5", "memory.oom.group": "1"} {
					if b, err := g.readFile(file); strings.TrimSpace(string(b)) != want {
						t.Errorf("%s is %q, %v, want %q", file, b, err, want)
					}
				}
				if err := g.Clear(); err != nil {
					t.Error(err)
				}
				g.Close()
				s.Leave()
			}
		})
	}
	all.Wait()
	if _, err := os.Stat(top + "/bulkhead-exec"); err == nil {
		t.Error("the folder is left")
	}
}

// What a dead owner has left is killed and removed; what a living one runs is not.
func TestKernelOneoffSweep(t *testing.T) {
	s, err := OpenOneoffs(Options{Mount: os.Getenv("BULKHEAD_KERNEL_CGROUP"), Mode: "require"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave()
	start := func(o Owner) (*Group, *exec.Cmd) {
		real := s.owner
		s.owner = o
		g, err := s.New("sleep", Limits{MemorySwapMax: Unlimited})
		s.owner = real
		if err != nil {
			t.Fatal(err)
		}
		cmd := again("withdaemon sleep")
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD()}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return g, cmd
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	stale, first := start(Owner{gone.Process.Pid, 1, s.owner.Namespace})
	own, second := start(s.owner)
	defer stale.Close()
	defer own.Close()
	if err := s.Sweep(); err != nil {
		t.Error(err)
	}
	first.Wait()
	if stale.alive() {
		t.Error("what the dead left is still there")
	}
	if populated, err := own.Populated(); !populated || err != nil {
		t.Errorf("what lives was swept: %v", err)
	}
	if err := own.Clear(); err != nil {
		t.Error(err)
	}
	second.Wait()
}
