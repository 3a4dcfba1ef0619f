package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func pidIn(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantInUse(t *testing.T, dir string, pid int) *InUseError {
	t.Helper()
	l, err := TakeLock(dir)
	e, ok := errors.AsType[*InUseError](err)
	if !ok || l != nil || e.Dir != dir || e.PID != pid {
		t.Fatalf("TakeLock: %v, %v; want it in use by %d", l, err, pid)
	}
	return e
}

func TestTakeLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "lib")
	l, err := TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, lockFile): 0o600, filepath.Dir(dir): 0o755} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, st.Mode(), err, mode)
		}
	}
	own := os.Getpid()
	if got := pidIn(t, dir); got != fmt.Sprintln(own) {
		t.Errorf("lock holds %q", got)
	}
	want := fmt.Sprintf("cannot use state directory %q: another supervisor, process %d, uses it", dir, own)
	if e := wantInUse(t, dir, own); e.Error() != want {
		t.Errorf("error %q, want %q", e, want)
	}
	// Before the pid is written the kernel knows it.
	if err := os.Truncate(filepath.Join(dir, lockFile), 0); err != nil {
		t.Fatal(err)
	}
	wantInUse(t, dir, own)
	l.Release()
	l.Release()
	if l.FD() != -1 {
		t.Errorf("descriptor %d after Release", l.FD())
	}
	l, err = TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	if got := pidIn(t, dir); got != "" {
		t.Errorf("lock holds %q after Release", got)
	}
}

func TestInUseError(t *testing.T) {
	if got := (&InUseError{Dir: "/d"}).Error(); got != `cannot use state directory "/d": another supervisor uses it` {
		t.Error(got)
	}
	if got := (&InUseError{Dir: "/d", PID: 1 << 30}).Error(); got != `cannot use state directory "/d": process 1073741824 has ended and a child of it still holds the lock` {
		t.Error(got)
	}
}

func TestTakeLockErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		file:                         fmt.Sprintf("cannot make directory %q: file exists", file),
		filepath.Join(file, "below"): fmt.Sprintf("cannot make directory %q: not a directory", filepath.Join(file, "below")),
		dir:                          fmt.Sprintf("cannot open lock %q: too many levels of symbolic links", filepath.Join(dir, lockFile)),
	} {
		if l, err := TakeLock(dir); err == nil || l != nil || err.Error() != want {
			t.Errorf("%v, error %v, want %q", l, err, want)
		}
	}
}

// hold starts a process that holds dir's lock.
func hold(t *testing.T, name, dir string) (pid int, end func()) {
	t.Helper()
	cmd := helper(t, name, dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the helper said %q, %v", line, err)
	}
	return cmd.Process.Pid, func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func untilEOF() error {
	fmt.Println("held")
	_, err := os.Stdin.Read(make([]byte, 1))
	if err.Error() == "EOF" {
		return nil
	}
	return err
}

func holdHelper() error {
	l, err := TakeLock(os.Args[1])
	if err != nil {
		return err
	}
	err = untilEOF()
	_ = l.FD() // not released: it ends with the process
	return err
}

// execHelper takes the lock and becomes inheritHelper, as an upgrade does.
func execHelper() error {
	l, err := TakeLock(os.Args[1])
	if err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(l.FD()), unix.F_SETFD, 0); err != nil {
		return err
	}
	os.Setenv(helperVar, "inherit")
	return unix.Exec("/proc/self/exe", []string{os.Args[0], os.Args[1], strconv.Itoa(l.FD())}, os.Environ())
}

func inheritHelper() error {
	fd, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	l, err := InheritLock(os.Args[1], fd)
	if err != nil {
		return err
	}
	if flags, err := unix.FcntlInt(uintptr(l.FD()), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC || l.FD() != fd {
		return fmt.Errorf("descriptor %d (was %d) has flags %d, %v", l.FD(), fd, flags, err)
	}
	return untilEOF()
}

func TestLockOfAnother(t *testing.T) {
	for _, name := range []string{"hold", "exec"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			pid, end := hold(t, name, dir)
			wantInUse(t, dir, pid)
			end()
			l, err := TakeLock(dir) // its pid is in the file still
			if err != nil {
				t.Fatal(err)
			}
			l.Release()
		})
	}
}

func TestInheritLock(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string) // between taking and inheriting
		same  bool
	}{
		{"as it was", func(*testing.T, string) {}, true},
		{"file removed", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, lockFile)) }, false},
		{"directory removed", func(t *testing.T, dir string) { os.RemoveAll(dir) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			l, err := TakeLock(dir)
			if err != nil {
				t.Fatal(err)
			}
			fd, err := unix.FcntlInt(uintptr(l.FD()), unix.F_DUPFD, 0)
			unix.Close(l.FD())
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, dir)
			got, err := InheritLock(dir, fd)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Release()
			if (got.FD() == fd) != c.same {
				t.Errorf("descriptor %d, was %d", got.FD(), fd)
			}
			wantInUse(t, dir, os.Getpid())
		})
	}
}

func TestInheritLockErrors(t *testing.T) {
	dir := t.TempDir()
	if l, err := InheritLock(dir, 1<<20); l != nil || err == nil || !strings.HasSuffix(err.Error(), "from descriptor 1048576: bad file descriptor") {
		t.Errorf("%v, %v", l, err)
	}
	pid, end := hold(t, "hold", dir)
	defer end()
	fd, err := openFile(filepath.Join(dir, lockFile), unix.O_RDWR) // the file, and not the lock
	if err != nil {
		t.Fatal(err)
	}
	l, err := InheritLock(dir, fd)
	if e, ok := errors.AsType[*InUseError](err); !ok || e.PID != pid || l != nil {
		t.Errorf("%v, %v", l, err)
	}
	if err := unix.Close(fd); err != unix.EBADF {
		t.Errorf("the descriptor is still open: %v", err)
	}
}
