//go:build kernel

package acceptance_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/resident"
)

func init() { roles["thrash"] = thrash }

// thrash is a program that uses more of files than there is memory for: it maps
// THRASH_BYTES of those under THRASH_UNDER and goes round and round in them.
func thrash() {
	var all [][]byte
	left := number("THRASH_BYTES")
	_ = filepath.WalkDir(os.Getenv("THRASH_UNDER"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && path != os.Getenv("THRASH_UNDER") {
			return fs.SkipDir // an emulated machine would look at files for minutes
		}
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		if info, err := e.Info(); err != nil || info.Size() < 1<<20 {
			return nil
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return nil
		}
		if m, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED); err == nil {
			all = append(all, m)
			left -= st.Size
		}
		if left <= 0 {
			return fs.SkipAll
		}
		return nil
	})
	if left > 0 {
		fail(fmt.Errorf("%q has too few large files", os.Getenv("THRASH_UNDER")))
	}
	fmt.Println("thrashing")
	for sum := byte(0); ; {
		for _, m := range all {
			for i := 0; i < len(m); i += 4096 {
				sum += m[i]
			}
		}
	}
}

// vmstat is a counter of /proc/vmstat.
func vmstat(t *testing.T, name string) int64 { return procField(t, "/proc/vmstat", name+" ") }

// noLadder leaves the host's shortage to itself.
const noLadder = `
[host.pressure]
hold_below = 0
hold_full = "0%"
pause_below = 0
pause_full = "0%"
scale_below = 0
scale_full = "0%"
reclaim_below = 0
reclaim_full = "0%"
kill_below = 0
kill_full = "0%"
`

// While the host reads its programs' code again and again for want of memory, clients are
// answered, and who is to be stopped at once is stopped.
func TestKernelHostThrashes(t *testing.T) {
	onKernel(t)
	s := serve(t, "require", noLadder+`
[programs.victim]
command  = "sleep 1000000"
numprocs = 8
`)
	s.events.await(t, "eight victims", atLeast(8, kindOf("ready")))
	time.Sleep(5 * time.Second)             // it has learnt what it needs by then
	if err := resident.Lock(); err != nil { // ours: the client's own waits are not the question
		t.Fatal(err)
	}
	defer unix.Munlockall()

	const room = 48 << 20 // for the pages of files, besides what the kernel does not count as available
	free := procField(t, "/proc/meminfo", "MemAvailable:")<<10 - room
	s.configure(noLadder + `
[programs.victim]
command  = "sleep 1000000"
numprocs = 8
[programs.hog]
` + ownProgram(t, "grow", "GROW_STEP=8388608", "GROW_PAUSE=1000", "GROW_HUGE=1", fmt.Sprintf("GROW_TO=%d", free)) + `
[programs.thrash]
numprocs = 3
startsecs = 0
` + ownProgram(t, "thrash", "THRASH_UNDER=/usr/lib/x86_64-linux-gnu", fmt.Sprintf("THRASH_BYTES=%d", 200<<20)))
	s.ctl("update")
	began := time.Now()
	for refaults := vmstat(t, "workingset_refault_file"); vmstat(t, "workingset_refault_file")-refaults < 20_000; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("the host does not thrash: %d refaults", vmstat(t, "workingset_refault_file")-refaults)
		}
	}

	pid := s.cmd.Process.Pid
	refaults, faults := vmstat(t, "workingset_refault_file"), majorFaults(t, pid)
	var waits, kills spread
	began = time.Now()
	for n := 0; time.Since(began) < 15*time.Second; n++ {
		waits = append(waits, asked(t, s, func(c *control.Client) error {
			all, _, err := c.Status(context.Background())
			if err == nil && len(all) != 12 {
				err = fmt.Errorf("%d instances", len(all))
			}
			return err
		}))
		if n%10 == 5 && len(kills) < 8 {
			kills = append(kills, asked(t, s, func(c *control.Client) error {
				out, err := c.Do(context.Background(), control.Order{Verb: "stop", Names: []string{fmt.Sprintf("victim:victim_%02d", len(kills))}, Now: true})
				if err == nil && (len(out) != 1 || out[0].Fault != control.NoFault) {
					err = fmt.Errorf("%+v", out)
				}
				return err
			}))
		}
		time.Sleep(100 * time.Millisecond)
	}
	figure("while the host thrashes (%d pages of files read again a second): status %s", (vmstat(t, "workingset_refault_file")-refaults)/15, waits)
	figure("while the host thrashes: stop --now %s; %d pages read for the supervisor", kills, majorFaults(t, pid)-faults)
	if len(kills) == 0 {
		t.Error("nobody was stopped")
	}
	for _, end := range pick(s.events.events(), endedAs("stopped")) {
		if !strings.HasPrefix(end.Name, "victim:") {
			t.Errorf("%s ended: %s", end.Name, end.Message)
		}
	}
	s.ctl("stop", "--now", "hog", "thrash:*")
}

// asked is how long a new client waits for its answer.
func asked(t *testing.T, s *supervisor, what func(*control.Client) error) time.Duration {
	t.Helper()
	c := control.Dial(s.path("bulkhead.sock"))
	defer c.Close()
	began := time.Now()
	if err := what(c); err != nil {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	return time.Since(began)
}

// majorFaults is how often a process waited for a page to be read (proc_pid_stat(5), field 12).
func majorFaults(t *testing.T, pid int) int64 {
	t.Helper()
	text := slurp(fmt.Sprintf("/proc/%d/stat", pid))
	var n int64
	if _, err := fmt.Sscan(strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[9], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The supervisor's memory is locked, and its keeper's, before and after an upgrade; that of
// programs is not, and their limit is the one that they would have had. Its cgroup is
// protected all the way up.
func TestKernelSupervisorStaysInMemory(t *testing.T) {
	onKernel(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: 128 << 10}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &was)
	s := serve(t, "require", "[programs.a]\ncommand = \"sleep 1000000\"\n")
	for run := range 2 {
		s.events.await(t, "a", atLeast(run+1, kindOf("ready")))
		pid := s.cmd.Process.Pid
		for name, p := range map[string]int{"supervisor": pid, "keeper": keeperOf(t, s)} {
			if procField(t, fmt.Sprintf("/proc/%d/status", p), "VmLck:") == 0 {
				t.Errorf("start %d: the %s is not locked", run+1, name)
			}
		}
		child := s.status("a")[0].PID
		if n := procField(t, fmt.Sprintf("/proc/%d/status", child), "VmLck:"); n != 0 {
			t.Errorf("%d KiB of a program are locked", n)
		}
		if limits := slurp(fmt.Sprintf("/proc/%d/limits", child)); !strings.Contains(strings.Join(strings.Fields(limits), " "), "Max locked memory 65536 131072 bytes") {
			t.Errorf("limits of a program:\n%s", limits)
		}
		own, _ := strings.CutPrefix(strings.TrimSpace(slurp(fmt.Sprintf("/proc/%d/cgroup", pid))), "0::")
		for dir := own; dir != "/"; dir = filepath.Dir(dir) {
			if text := strings.TrimSpace(slurp(cgroupDir(dir) + "/memory.min")); text != "33554432" {
				t.Errorf("memory.min of %s is %s", dir, text)
			}
		}
		if run == 0 {
			s.upgrade()
			s.ctl("restart", "a")
		}
	}
}

// keeperOf is the process that listens on the keeper's socket.
func keeperOf(t *testing.T, s *supervisor) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if text := slurp(path); strings.Contains(text, "\x00keeper\x00"+s.dir) {
			var pid int
			if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err == nil {
				return pid
			}
		}
	}
	t.Fatal("there is no keeper")
	return 0
}
