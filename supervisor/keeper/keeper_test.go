package keeper

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func options(t testing.TB, dir string) Options {
	return Options{Socket: filepath.Join(dir, "keeper.sock"), CgroupFD: -1, Wait: 20 * time.Second,
		Failed: func(name string, err error) { t.Errorf("hold of %q failed: %v", name, err) }}
}

// open starts a keeper that ends with the test.
func open(t testing.TB, o Options) *Keeper {
	t.Helper()
	k, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	pid := k.PID()
	t.Cleanup(func() {
		k, err := Open(o) // the newest, whatever the test did
		if err != nil {
			t.Error(err)
			return
		}
		k.End()
		until(t, "end of the keeper", func() bool { return !lives(pid) })
	})
	return k
}

// until polls: what it waits for happens in another process.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("no %s within 30 s", what)
		}
		_, _ = unix.Poll(nil, 1)
	}
}

// lives: neither gone nor a zombie.
func lives(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func fifo(t testing.TB, path string) int {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func content(t testing.TB, path string) string {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b := make([]byte, 1<<16)
	n, err := unix.Read(fd, b)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return string(b[:max(n, 0)])
}

func heldNow(t testing.TB, k *Keeper) []string {
	t.Helper()
	names, err := k.Held()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The worker writes and ends while there is no supervisor.
func TestHoldKeepsContent(t *testing.T) {
	dir := t.TempDir()
	k := open(t, options(t, dir))
	path := filepath.Join(dir, "a")
	fd := fifo(t, path)
	if err := k.Hold("a", fd); err != nil {
		t.Fatal(err)
	}
	worker := exec.Command("sh", "-c", "read x; echo last words")
	worker.Stdout = os.NewFile(uintptr(fd), "a")
	stdin, err := worker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	worker.Stdout.(*os.File).Close()
	k.Close() // from here on there is no supervisor
	stdin.Close()
	_ = worker.Wait() // its read fails, and that is all
	k = open(t, options(t, dir))
	if got := heldNow(t, k); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("held %q", got)
	}
	if got := content(t, path); got != "last words\n" {
		t.Errorf("content %q", got)
	}
	k.Drop("a")
	if got := heldNow(t, k); len(got) != 0 {
		t.Errorf("held %q after drop", got)
	}
}

// dieAfterHold is a supervisor whose last act is a Hold.
func dieAfterHold(dir string) {
	k, err := Open(Options{Socket: filepath.Join(dir, "keeper.sock"), CgroupFD: -1})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	n, _ := strconv.Atoi(os.Getenv("KEEPER_TEST_HOLDS"))
	for i := range n {
		fd, err := unix.Open(filepath.Join(dir, "f"+strconv.Itoa(i)), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, []byte("line "+strconv.Itoa(i)))
		}
		if err == nil {
			err = k.Hold("f"+strconv.Itoa(i), fd)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

func TestSupervisorDiesRightAfterHold(t *testing.T) {
	dir := t.TempDir()
	const n = 50
	for i := range n {
		unix.Close(fifo(t, filepath.Join(dir, "f"+strconv.Itoa(i))))
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "KEEPER_TEST_DIES="+dir, "KEEPER_TEST_HOLDS="+strconv.Itoa(n))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.String() != "signal: killed" {
		t.Fatalf("supervisor: %v: %s", err, out)
	}
	k := open(t, options(t, dir))
	if got := heldNow(t, k); len(got) != n {
		t.Errorf("held %q", got)
	}
	for i := range n {
		if got, want := content(t, filepath.Join(dir, "f"+strconv.Itoa(i))), "line "+strconv.Itoa(i); got != want {
			t.Errorf("f%d: %q", i, got)
		}
	}
}

func TestLost(t *testing.T) {
	dir := t.TempDir()
	k := open(t, options(t, dir))
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	if err := k.Hold("a", fd); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(k.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-k.Lost()
	if !errors.Is(k.Err(), ErrLost) {
		t.Errorf("cause %v", k.Err())
	}
	if err := k.Hold("b", fd); !errors.Is(err, ErrLost) {
		t.Errorf("hold by a dead keeper: %v", err)
	}
	if _, err := k.Held(); !errors.Is(err, ErrLost) {
		t.Errorf("held by a dead keeper: %v", err)
	}
	again := open(t, options(t, dir))
	if again.PID() == k.PID() {
		t.Errorf("the same process %d", k.PID())
	}
	if got := heldNow(t, again); len(got) != 0 {
		t.Errorf("a new keeper holds %q", got)
	}
}

func TestTwoStartersOneKeeper(t *testing.T) {
	dir := t.TempDir()
	const n = 6
	all := make([]*Keeper, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			var err error
			if all[i], err = Open(options(t, dir)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	last := open(t, options(t, dir))
	for _, k := range all {
		if k == nil {
			continue
		}
		if k.PID() != last.PID() {
			t.Errorf("keepers %d and %d", k.PID(), last.PID())
		}
		<-k.Lost()
		if !errors.Is(k.Err(), ErrReplaced) {
			t.Errorf("cause %v", k.Err())
		}
	}
}

func TestTake(t *testing.T) {
	dir := t.TempDir()
	k := open(t, options(t, dir))
	path := filepath.Join(dir, "a")
	fd := fifo(t, path)
	unix.Write(fd, []byte("x"))
	if err := k.Hold("a", fd); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	os.Remove(path)
	got, err := k.Take("a")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(got)
	b := make([]byte, 9)
	if n, err := unix.Read(got, b); err != nil || string(b[:n]) != "x" {
		t.Errorf("read %q, %v", b[:max(n, 0)], err)
	}
	if fd, err := k.Take("b"); !errors.Is(err, unix.ENOENT) || fd != -1 {
		t.Errorf("took %d, %v", fd, err)
	}
}
