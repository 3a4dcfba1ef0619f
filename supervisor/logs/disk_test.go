package logs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const mountVar = "LOGS_TEST_MOUNT"

// TestDiskWithoutRoom fills real file systems, each a tmpfs of 256 KiB in a mount
// namespace of its own, in which the test runs once more.
func TestDiskWithoutRoom(t *testing.T) {
	if os.Getenv(mountVar) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal("cannot make mounts private: ", err)
		}
		t.Run("logs", fullLogs)
		t.Run("killed", killedOnAFullDisk)
		t.Run("books", fullBooks)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDiskWithoutRoom$", "-test.v")
	cmd.Env = append(os.Environ(), mountVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM):
		t.Fatal("needs the right to mount")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Count(string(out), "--- PASS: TestDiskWithoutRoom") != 4:
		t.Errorf("it did not run:\n%s", out)
	}
}

func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal("cannot mount a tmpfs: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves room for so many bytes; it returns what makes room again.
func fill(t *testing.T, dir string, room int64) func() {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, int64(st.Bfree)*st.Bsize-room), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// numbered is more text than a FIFO, a stage and a disk hold together.
func numbered(from int) string {
	var b strings.Builder
	for n := from; b.Len() < 1<<20; n++ {
		fmt.Fprintf(&b, "line %d %s\n", n, strings.Repeat("x", n%100))
	}
	return b.String()
}

// fullLogs: the writer is not held up, what is lost is counted, and it ends
// when there is room.
func fullLogs(t *testing.T) {
	disk := smallDisk(t)
	log := filepath.Join(disk, "log")
	makeRoom := fill(t, disk, 100<<10)
	s, told := troubled()
	k := opened(t, s, Target{Path: log, Shared: true})
	var seen atomic.Int64
	p, w := piped(t, k, func(chunk []byte) { seen.Add(int64(len(chunk))) })
	text := numbered(0)
	for range 2 {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
	}
	got, err := os.ReadFile(log)
	if err != nil || len(got) < 50<<10 {
		t.Fatalf("%d bytes are in the log, %v", len(got), err)
	}
	// Short lines may still fit where a long one did not; what is there is whole.
	lines := make(map[string]bool)
	for l := range strings.Lines(text) {
		lines[l] = true
	}
	for l := range strings.Lines(string(got)) {
		if !lines[l] {
			t.Errorf("the log has a line that nobody wrote: %q", l)
		}
	}
	lost := int64(2*len(text) - len(got))
	if k.Lost() != lost || seen.Load() != int64(2*len(text)) {
		t.Errorf("%d of %d bytes are written, %d are counted as lost, %d tapped", len(got), 2*len(text), k.Lost(), seen.Load())
	}
	makeRoom()
	if _, err := w.WriteString("again\n"); err != nil {
		t.Fatal(err)
	}
	if !p.Drain(soon) {
		t.Fatal("timed out")
	}
	if after, _ := os.ReadFile(log); string(after) != string(got)+"again\n" {
		t.Errorf("after there was room the log has %d bytes, before %d", len(after), len(got))
	}
	total := int64(0)
	for i, what := range *told {
		var bytes int64
		if i%2 == 0 && !strings.HasSuffix(what, "no space left on device") {
			t.Errorf("told %q", what)
		} else if i%2 == 1 {
			if _, err := fmt.Sscanf(what, "log %d <nil>", &bytes); err != nil {
				t.Errorf("told %q", what)
			}
			total += bytes
		}
	}
	if len(*told) < 2 || len(*told)%2 != 0 || total != lost {
		t.Errorf("%d bytes of %d are told: %q", total, lost, *told)
	}
}

// killedOnAFullDisk dies after a write that found too little room, before it
// could tell. The successor has room, and nothing is lost.
func killedOnAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	makeRoom := fill(t, disk, 20<<10)
	p := &play{Dir: filepath.Join(t.TempDir(), "run"), Logs: disk, Files: []string{"one"}, Kill: "written", Nth: 1}
	end := p.begin(t)[0]
	count := 0
	for size := 0; size < 60<<10; count++ {
		n, err := end.WriteString(line(0, count, false))
		if err != nil {
			t.Fatal(err)
		}
		size += n
	}
	if !p.life(t).end(t) {
		t.Fatal("the step was not come to")
	}
	if info, err := os.Stat(filepath.Join(disk, "one")); err != nil || info.Size() < 10<<10 || info.Size() > 20<<10 {
		t.Fatalf("the log has %d bytes, %v", info.Size(), err)
	}
	makeRoom()
	p.Last, p.Kill = true, ""
	p.life(t).end(t)
	p.verify(t, []int{count})
}

// fullBooks: while the runtime directory has no room everything is written as
// ever, and when it has some again, the books are used.
func fullBooks(t *testing.T) {
	disk := smallDisk(t)
	log := filepath.Join(t.TempDir(), "log")
	s := streams(t, filepath.Join(disk, "run"))
	var booked atomic.Int64
	s.at = func(step string) {
		if step == "written" {
			booked.Add(1)
		}
	}
	var seen atomic.Int64
	k := opened(t, NewSet(nil), Target{Path: log, Shared: true})
	p, w := pumped(t, s, 1, k, func(chunk []byte) { seen.Add(int64(len(chunk))) })
	want := ""
	write := func(text string) {
		t.Helper()
		want += text
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if !p.Drain(soon) {
			t.Fatal("timed out")
		}
		if got, err := os.ReadFile(log); err != nil || string(got) != want || seen.Load() != int64(len(want)) {
			t.Fatalf("of %d bytes %d are written and %d tapped, %v", len(want), len(got), seen.Load(), err)
		}
	}
	makeRoom := fill(t, disk, 0)
	write(numbered(0))
	if n := booked.Load(); n != 0 {
		t.Errorf("%d writes went through books without room", n)
	}
	makeRoom()
	write(numbered(7))
	if booked.Load() == 0 {
		t.Error("the books were not used again")
	}
	makeRoom = fill(t, disk, 8<<10) // fails half way
	write(numbered(9))
	makeRoom()
	write("end")
	if diff := cmp.Diff([]error(nil), s.Problems()); diff != "" {
		t.Error(diff)
	}
}
