//go:build kernel

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// kernelGroup makes a cgroup with a limit, and one in it that has none, which it opens.
func kernelGroup(t *testing.T, limit int64) (path string, fd int) {
	t.Helper()
	const tree = "/sys/fs/cgroup"
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(tree+"/cgroup.subtree_control", "+memory") // the top may hold processes too
	path = fmt.Sprintf("/doctor-test-%d/inner", os.Getpid())
	if err := os.MkdirAll(tree+path, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{tree + path, filepath.Dir(tree + path)} {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		}
	})
	write(filepath.Dir(tree+path)+"/memory.max", strconv.FormatInt(limit, 10))
	dir, err := os.Open(tree + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return path, int(dir.Fd())
}

// TestKernelVictims: of three processes at a limit the kernel kills the one that was foretold first, the smallest of
// them, and not the one that grows. The limit is found from below.
func TestKernelVictims(t *testing.T) {
	const limit = 256 << 20
	path, fd := kernelGroup(t, limit)
	var all [3]leaking
	for i, c := range []struct{ steps, adj int }{{8, 0}, {3, 900}, {10, -900}} {
		all[i] = startLeak(t, fd)
		for range c.steps {
			all[i].more(t)
		}
		file := fmt.Sprintf("/proc/%d/oom_score_adj", all[i].Process.Pid)
		if err := os.WriteFile(file, []byte(strconv.Itoa(c.adj)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Reader{Root: "/", Self: os.Getpid()}.Read()
	if err != nil {
		t.Fatal(err)
	}
	inside := *h
	inside.Memory = Memory{Total: limit} // the kernel counts thousandths of what the cgroup may have
	inside.Processes = nil
	for _, l := range all {
		p := h.process(l.Process.Pid)
		if p == nil || p.Cgroup.Path != path || p.Cgroup.Max != limit || !p.held(h.Memory) {
			t.Fatalf("%d is %+v", l.Process.Pid, p)
		}
		inside.Processes = append(inside.Processes, *p)
	}
	checkScores(t, h, all[0].Process.Pid, all[1].Process.Pid, all[2].Process.Pid)
	foretold := victims(&inside)
	if foretold[0].PID != all[1].Process.Pid || foretold[2].PID != all[2].Process.Pid {
		t.Fatalf("foretold: %+v", foretold)
	}
	if f := unlimited(Diagnose([]Host{*h})); len(f) > 0 {
		t.Errorf("limited workers are called unlimited: %+v", f)
	}

	kernel := openKernelLog(t)
	for range limit / leakStep { // until it is over the limit
		if all[2].grow() != nil || len(kernel.killed(t)) > 0 {
			break
		}
	}
	// More than one may be killed: the kernel looks for the next as soon as one is unmapped, though its pages are
	// not given back yet (mm/mmap.c: exit_mmap sets MMF_OOM_SKIP before tlb_finish_mmu). But in this order.
	order := kernel.killed(t)
	if len(order) == 0 {
		t.Fatal("nothing was killed over the limit")
	}
	for i, pid := range order {
		if i >= len(foretold) || pid != foretold[i].PID {
			t.Errorf("the kernel killed %v, foretold %d, %d, %d", order, foretold[0].PID, foretold[1].PID, foretold[2].PID)
			break
		}
	}
}

// kernelLog is /dev/kmsg, from when it was opened.
type kernelLog struct {
	fd   int
	pids *[]int
}

func openKernelLog(t *testing.T) kernelLog {
	t.Helper()
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("cannot read the kernel's log: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		t.Fatal(err)
	}
	return kernelLog{fd, new([]int)}
}

var killedLine = regexp.MustCompile(`Memory cgroup out of memory: Killed process ([0-9]+)`)

// killed are the processes that the OOM killer took since the log was opened, in order.
func (k kernelLog) killed(t *testing.T) []int {
	t.Helper()
	record := make([]byte, 8192) // one read is one record
	for {
		n, err := unix.Read(k.fd, record)
		switch err {
		case nil:
		case unix.EAGAIN:
			return *k.pids
		case unix.EPIPE, unix.EINTR: // records were written over; go on with the oldest
			continue
		default:
			t.Fatalf("cannot read the kernel's log: %v", err)
		}
		if m := killedLine.FindSubmatch(record[:n]); m != nil {
			pid, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			*k.pids = append(*k.pids, pid)
		}
	}
}
