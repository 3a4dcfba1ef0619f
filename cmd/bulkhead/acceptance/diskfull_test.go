package acceptance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// smallDisk is a file system of so many bytes that only this test, and what it
// starts from now on, can see. The test must not start others (t.Run).
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatalf("cannot have mounts of its own: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // it ends with the namespace
	return dir
}

// enlarge gives the small disk more room.
func enlarge(t *testing.T, dir string, size int) {
	t.Helper()
	if err := unix.Mount("small", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
}

// fill takes what is left of the room there.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b := make([]byte, 4096); ; {
		if _, err := f.Write(b); err != nil {
			return
		}
	}
}

var (
	padding   = strings.Repeat("x", 200)
	wholeLine = regexp.MustCompile(`^line ([0-9]+) x{200}$`)
)

func TestDiskFullOfLogsAuto(t *testing.T) { fullOfLogs(t, "auto") }
func TestDiskFullOfLogsOff(t *testing.T)  { fullOfLogs(t, "off") }

// fullOfLogs: a worker whose log's disk is full goes on; what is lost is told once,
// and counted when there is room again.
func fullOfLogs(t *testing.T, cgroup string) {
	disk := smallDisk(t, 64<<10)
	s := prepare(t, cgroup)
	log, at := filepath.Join(disk, "w.log"), s.path("at")
	s.configure(worker("w", `trap 'exit 0' TERM; i=0; while :; do i=$((i+1)); echo "line $i `+padding+`"; echo $i > '`+at+`'; sleep 0.003; done`,
		"stdout_logfile = '"+log+"'\nstdout_logfile_maxbytes = 0"))
	s.start()
	before := s.await("w", "is up", in("RUNNING"))
	s.events.await(t, "the first loss", first(losing))
	worked := number64(slurp(at))
	eventually(t, "the worker goes on", func() bool { return number64(slurp(at)) > worked+200 })
	if st := s.one("w"); st.PID != before.PID || st.State != "RUNNING" {
		t.Errorf("%+v", st)
	}
	enlarge(t, disk, 16<<20)
	s.events.await(t, "it is written again", first(writtenAgain))
	worked = number64(slurp(at))
	eventually(t, "the worker goes on", func() bool { return number64(slurp(at)) > worked+20 })
	s.ctl("stop", "w")
	var text string
	for line := range strings.Lines(slurp(log)) {
		text += line
		if !wholeLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("a line that is not whole: %q", line)
		}
	}
	told := pick(s.events.events(), kindOf("trouble"))
	if len(told) != 2 || !losing(told[0]) || !writtenAgain(told[1]) {
		t.Fatalf("told: %+v", told)
	}
	// What the worker said less what is there.
	said, last := 0, number64(slurp(at))
	for i := int64(1); i <= last+1; i++ {
		line := len(fmt.Sprintf("line %d %s\n", i, padding))
		if i <= last || strings.Contains(text, fmt.Sprintf("line %d ", i)) {
			said += line
		}
	}
	if lost := told[1].Fields["lost_bytes"]; lost != strconv.Itoa(said-len(text)) {
		t.Errorf("told that %s bytes were lost, and it were %d", lost, said-len(text))
	}
	if n := len(s.logged("is being lost")); n != 1 {
		t.Errorf("the log tells of it %d times, want once", n)
	}
}

func losing(e control.Event) bool {
	return e.Kind == "trouble" && strings.Contains(e.Message, "is being lost") && strings.Contains(e.Message, "no space left")
}

func writtenAgain(e control.Event) bool {
	return e.Kind == "trouble" && strings.Contains(e.Message, "is written again")
}

func number64(text string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64) // it may be written just now
	return n
}

// logged are the lines of the supervisor's own log that say something.
func (s *supervisor) logged(what string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.log), func(line string) bool { return !strings.Contains(line, what) })
}

func TestDiskFullOfStateAuto(t *testing.T) { fullOfState(t, "auto") }
func TestDiskFullOfStateOff(t *testing.T)  { fullOfState(t, "off") }

// fullOfState: with the state's disk full everything works, and a crash then
// costs no run that runs.
func fullOfState(t *testing.T, cgroup string) {
	disk := smallDisk(t, 256<<10)
	s := prepare(t, cgroup)
	s.head = strings.Replace(s.head, fmt.Sprintf("state_dir = %q", s.dir), fmt.Sprintf("state_dir = %q", disk), 1)
	s.configure(worker("w", "exec sleep 1000000", "numprocs = 5"))
	s.start()
	s.awaitAll("w", 5)
	fill(t, disk)
	for i := range 60 { // until what is left of the last block is full too
		s.ctl("restart", "w:w_01")
		if i > 0 && len(pick(s.events.events(), stateLost)) > 0 {
			break
		}
	}
	s.events.await(t, "the state cannot be written", first(stateLost))
	s.ctl("restart", "w:w_02")
	s.ctl("stop", "w:w_03")
	s.awaitAll("w", 4)
	before := s.status()
	crash.goOn(s, nil)
	s.awaitRest()
	after := map[string]control.Status{}
	for _, st := range s.status() {
		after[st.FullName()] = st
	}
	for _, st := range before {
		if now := after[st.FullName()]; st.State == "RUNNING" && (now.PID != st.PID || now.Run != st.Run || now.State != "RUNNING") {
			t.Errorf("before %+v, after %+v", st, now)
		}
	}
	if n := len(marked(t, s.mark())); n > 6 {
		t.Errorf("%d processes, want the supervisor and 5 programs at most", n)
	}
	s.events.await(t, "the state cannot be written, by the successor", first(stateLost))
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	s.events.await(t, "the state is written again", first(func(e control.Event) bool {
		return e.Kind == "trouble" && strings.Contains(e.Message, "the state is written again")
	}))
	s.keeps(crash)
}

func stateLost(e control.Event) bool {
	return e.Kind == "trouble" && strings.Contains(e.Message, "the state cannot be written") && strings.Contains(e.Message, "no space left")
}
