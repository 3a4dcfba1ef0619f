package state

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const mountVar = "STATE_TEST_MOUNT"

// TestFullDisk fills a real file system: a tmpfs of 512 KiB in a mount namespace
// of its own, in which the test runs once more.
func TestFullDisk(t *testing.T) {
	if os.Getenv(mountVar) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), mountVar+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		switch {
		case errors.Is(err, unix.EPERM):
			t.Fatal("needs the right to mount")
		case err != nil:
			t.Errorf("%v\n%s", err, out)
		case !strings.Contains(string(out), "--- PASS: TestFullDisk"):
			t.Errorf("it did not run:\n%s", out)
		}
		return
	}
	mount := t.TempDir()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal("cannot make mounts private: ", err)
	}
	if err := unix.Mount("none", mount, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatal("cannot mount a tmpfs: ", err)
	}
	defer unix.Unmount(mount, unix.MNT_DETACH)
	dir, ballast := filepath.Join(mount, "d"), filepath.Join(mount, "ballast")
	told := make(troubles, 100)
	s := Open(dir, "", Loaded{}, told.tell)
	defer s.Close()
	docs := map[string]string{}
	put := func(key string, n int) {
		docs[key] = strconv.Quote(strings.Repeat("x", n))
		s.Put(key, rawOrNil(docs[key]))
	}
	for i := range 10 {
		put(fmt.Sprint("k", i), 10_000)
	}
	flush(t, s)
	was := load(t, dir)
	same(t, was, docs)

	fill(t, ballast)
	put("new", 9_000)
	put("k3", 9_000)
	put("k4", 9_000)
	delete(docs, "k5")
	s.Delete("k5")
	for range 3 {
		if err := s.Flush(context.Background()); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("on a full disk: %v", err)
		}
		same(t, load(t, dir), was) // and no torn tail
		if names := list(t, dir); names != "state" {
			t.Errorf("the directory holds %s", names)
		}
	}
	if err := told.next(t); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("told %v", err)
	}
	told.none(t)

	shrink(t, ballast, 40<<10) // enough for the changes, not for a snapshot
	flush(t, s)
	same(t, load(t, dir), docs)
	if err := told.next(t); err != nil {
		t.Errorf("told %v", err)
	}

	// Room for nothing but a state that is smaller than the file.
	fill(t, ballast)
	for i := range 10 {
		put(fmt.Sprint("k", i), 100)
	}
	put("new", 100)
	if err := s.Flush(context.Background()); !errors.Is(err, unix.ENOSPC) && err != nil {
		t.Fatalf("on a full disk: %v", err)
	}
	l, err := Load(dir)
	if err != nil || len(l.Problems) > 0 || len(l.Documents) < 10 {
		t.Errorf("%d documents, problems %v, %v", len(l.Documents), l.Problems, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	same(t, load(t, dir), docs)
}

// drive makes a disk without a goroutine, and counts its snapshots.
func drive(t *testing.T, roomy int64) (d *disk, snapshots *int) {
	new, n := newDisk(realKernel(), t.TempDir(), "", false), 0
	new.roomy = roomy
	rename := new.k.rename
	new.k.rename = func(from, to string) error { n++; return rename(from, to) }
	t.Cleanup(new.close)
	if err := new.write(); err != nil || n != 1 {
		t.Fatalf("%d snapshots, %v", n, err)
	}
	return &new, &n
}

// TestWhichWrite: what is appended and when a snapshot is made instead.
func TestWhichWrite(t *testing.T) {
	once := func(err error) func() error {
		return func() error { defer func() { err = nil }(); return err }
	}
	for _, c := range []struct {
		name  string
		spoil func(d *disk)
		fails []bool // of one write after another
		want  int    // snapshots
	}{
		{"nothing", func(*disk) {}, []bool{false}, 0},
		{"no room", func(d *disk) { failWrite(d, once(unix.ENOSPC)) }, []bool{true, false}, 0},
		{"no quota", func(d *disk) { failWrite(d, once(unix.EDQUOT)) }, []bool{true, false}, 0},
		{"no room twice", func(d *disk) {
			n := 0
			failWrite(d, func() error {
				if n++; n <= 2 {
					return unix.ENOSPC
				}
				return nil
			})
		}, []bool{true, false, false}, 1},
		{"broken", func(d *disk) { failWrite(d, once(unix.EIO)) }, []bool{true, false}, 1},
		{"nothing taken", func(d *disk) { failWrite(d, once(errNothing)) }, []bool{true, false}, 1},
		{"directory not synced", func(d *disk) {
			d.whole = true
			fsync, n := d.k.fsync, 0
			d.k.fsync = func(fd int) error {
				if n++; n == 2 { // after the file's
					return unix.EIO
				}
				return fsync(fd)
			}
		}, []bool{true, false, false}, 2},
		{"directory cannot be synced", func(d *disk) {
			d.whole = true
			fsync, n := d.k.fsync, 0
			d.k.fsync = func(fd int) error {
				if n++; n == 2 {
					return unix.EINVAL
				}
				return fsync(fd)
			}
		}, []bool{false, false}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, snapshots := drive(t, compactAt)
			*snapshots = 0
			c.spoil(d)
			d.set("a", 1)
			for i, fails := range c.fails {
				if err := d.write(); (err != nil) != fails {
					t.Errorf("write %d: %v", i, err)
				}
			}
			if *snapshots != c.want || d.unwritten() {
				t.Errorf("%d snapshots, want %d; unwritten: %v", *snapshots, c.want, d.unwritten())
			}
			same(t, load(t, d.dir), map[string]string{"a": "1"})
		})
	}
}

// errNothing stands for a write(2) that returns 0.
var errNothing = errors.New("nothing taken")

func failWrite(d *disk, fail func() error) {
	write := d.k.write
	d.k.write = func(fd int, b []byte) (int, error) {
		switch err := fail(); err {
		case nil:
			return write(fd, b)
		case errNothing:
			return 0, nil
		default:
			return -1, err
		}
	}
}

// TestSnapshotsAreRare: a large state is not written anew for every small log.
func TestSnapshotsAreRare(t *testing.T) {
	d, snapshots := drive(t, 0)
	d.set("large", strings.Repeat("x", 100_000))
	d.write()
	*snapshots = 0
	for i := range 199 {
		d.set("small", fmt.Sprintf("%0970d", i)) // 1000 bytes with all around it
		if err := d.write(); err != nil {
			t.Fatal(err)
		}
	}
	if *snapshots != 1 {
		t.Errorf("%d snapshots", *snapshots)
	}
}

// TestDeletedForgotten: what is deleted takes no memory.
func TestDeletedForgotten(t *testing.T) {
	d, _ := drive(t, compactAt)
	for i := range 1000 {
		d.set(fmt.Sprint(i), i)
		d.write()
		d.set(fmt.Sprint(i), nil)
	}
	if d.write(); len(d.docs)+len(d.dirty)+len(d.invalid) > 0 {
		t.Errorf("%d documents, %d dirty, %d invalid", len(d.docs), len(d.dirty), len(d.invalid))
	}
}

// fill takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func shrink(t *testing.T, path string, by int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, st.Size()-by); err != nil {
		t.Fatal(err)
	}
}

// countHelper counts up in ten keys, from what is on the disk, and says what it
// has flushed, until it is killed.
func countHelper() error {
	dir := os.Args[1]
	if _, err := TakeLock(dir); err != nil {
		return err
	}
	loaded, err := Load(dir)
	if err != nil {
		return err
	}
	s := newStore(dir, "", loaded, func(err error) { fmt.Fprintln(os.Stderr, "trouble:", err) })
	s.disk.roomy = 3000 // many snapshots
	go s.run()
	n := 0
	for key, doc := range loaded.Documents {
		var c count
		if err := json.Unmarshal(doc, &c); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		n = max(n, c.N)
	}
	for {
		n++
		for i := range 10 {
			s.Put(fmt.Sprint(i), count{n, strings.Repeat("x", n%300)})
		}
		if err := s.Flush(context.Background()); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

type count struct {
	N    int
	Fill string
}

// TestKilled kills a process that writes, at random moments, again and again: no
// key ever falls behind what was flushed, and there is no damage but a torn tail.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	flushed, torn := 0, 0
	for range 40 {
		cmd := helper(t, "count", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines, n := bufio.NewScanner(out), 1+random.IntN(200); n > 0 && lines.Scan(); n-- {
			if flushed, err = strconv.Atoi(lines.Text()); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("the helper ended with %v", err)
		}
		l, err := Load(dir)
		if err != nil || len(l.Problems) > 1 || len(l.Problems) == 1 && !strings.Contains(l.Problems[0].Error(), "torn") {
			t.Fatal(l.Problems, err)
		}
		torn += len(l.Problems)
		for i := range 10 {
			var c count
			if err := json.Unmarshal(l.Documents[fmt.Sprint(i)], &c); err != nil || c.N < flushed || len(c.Fill) != c.N%300 {
				t.Fatalf("%d is %+v after %d was flushed; %v", i, c, flushed, err)
			}
		}
	}
	t.Logf("counted to %d; %d torn tails", flushed, torn)
}
