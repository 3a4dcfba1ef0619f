package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// family are the processes of a session: those that carry its directory in
// their environment or arguments, whoever their parent is by now. Monit clears
// the environment, the keeper of bulkhead is nobody's child.
func family(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, file := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile(filepath.Join("/proc", e.Name(), file))
			if err == nil && bytes.Contains(b, []byte(dir+"/")) { // else it has ended, or is another user's
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids, nil
}

// supervisors are those of a session that are no workers: the supervisor, its
// helpers and its loggers.
func (s *session) supervisors() ([]int, error) {
	all, err := family(s.dir)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, pid := range all {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe != s.tools.worker {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no supervisor is left")
	}
	return pids, nil
}

// usage is what processes have taken so far.
type usage map[int]struct {
	cpu   time.Duration
	waits int64
}

// usageOf reads it. A process that has ended meanwhile is left out.
func usageOf(pids []int) (usage, error) {
	u := usage{}
	for _, pid := range pids {
		one := u[pid]
		var ts unix.Timespec
		// The CPU clock of a process, all threads, in nanoseconds, where
		// /proc/PID/stat counts ticks (clock_getcpuclockid(3), CPUCLOCK_SCHED).
		if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
			continue
		}
		one.cpu = time.Duration(ts.Nano())
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return nil, err
		}
		for _, path := range tasks {
			n, err := field(path, "voluntary_ctxt_switches:")
			if err == nil { // else the thread has ended
				one.waits += n
			}
		}
		u[pid] = one
	}
	return u, nil
}

// since is what was taken after an earlier reading.
func (u usage) since(earlier usage) (cpu time.Duration, waits int64) {
	for pid, now := range u {
		cpu += now.cpu - earlier[pid].cpu
		waits += now.waits - earlier[pid].waits
	}
	return cpu, waits
}

// field reads a number of a file of lines NAME NUMBER.
func field(path, name string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return fieldOf(string(b), name)
}

func fieldOf(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == name {
			return strconv.ParseInt(words[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no field %q", name)
}

// memory is what processes hold together, in bytes.
func memory(pids []int) (rss, pss int64, err error) {
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, 0, fmt.Errorf("cannot read the memory of %d: %v", pid, err)
		}
		r, err1 := fieldOf(string(b), "Rss:")
		p, err2 := fieldOf(string(b), "Pss:")
		if err1 != nil || err2 != nil {
			return 0, 0, fmt.Errorf("cannot read the memory of %d in %q", pid, b)
		}
		rss, pss = rss+r<<10, pss+p<<10
	}
	return rss, pss, nil
}

// gone says whether a process has ended: a zombie has.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// sweep kills what is left of a session, by pid, until nothing is.
func sweep(dir string) error {
	for range 100 {
		pids, err := family(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended since
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("processes of %q cannot be killed", dir)
}
