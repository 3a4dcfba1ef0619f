package spawn

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEveryFailureNamesStepAndObject(t *testing.T) {
	root(t)
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := filepath.Join(dir, "open")
	closed := filepath.Join(dir, "closed")
	for path, mode := range map[string]os.FileMode{open: 0o755, closed: 0o700} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; strings.HasPrefix(d, os.TempDir()) && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plain := file("plain", "echo\n", 0o644)
	file("open/tool", "#!/bin/sh\n", 0o644)
	noFormat := file("noformat", "not a program\n", 0o755)
	noInterp := file("nointerp", "#! /no/such/php -q\n", 0o755)
	file("closed/tool", "#!/bin/sh\n", 0o755)
	secret := file("closed/secret", "#!/bin/sh\n", 0o755)
	user := &Credential{UID: 65534, GID: 65534}

	for name, c := range map[string]struct {
		argv   []string
		change func(*Spec)
		errno  syscall.Errno
		want   string
	}{
		"missing directory": {[]string{"true"}, func(s *Spec) { s.Dir = "/srv/nowhere" }, unix.ENOENT,
			`cannot start "true": chdir to "/srv/nowhere": no such file or directory`},
		"directory is a file": {[]string{"true"}, func(s *Spec) { s.Dir = plain }, unix.ENOTDIR,
			`cannot start "true": chdir to "` + plain + `": not a directory`},
		"directory closed to the user": {[]string{"true"}, func(s *Spec) { s.Dir, s.Cred = closed, user }, unix.EACCES,
			`cannot start "true": chdir to "` + closed + `": permission denied`},
		"missing in PATH": {[]string{"artisan"}, func(s *Spec) { s.Env = []string{"PATH=" + open + ":/bin"} }, unix.ENOENT,
			`cannot start "artisan": exec "artisan": not found in PATH "` + open + `:/bin": no such file or directory`},
		"not executable in PATH": {[]string{"tool"}, func(s *Spec) { s.Env = []string{"PATH=" + open + ":/bin"} }, unix.EACCES,
			`cannot start "tool": exec "` + open + `/tool": permission denied`},
		"missing file": {[]string{dir + "/none"}, nil, unix.ENOENT,
			`cannot start "` + dir + `/none": exec "` + dir + `/none": no such file or directory`},
		"missing relative to the directory": {[]string{"bin/none"}, func(s *Spec) { s.Dir = dir }, unix.ENOENT,
			`cannot start "bin/none": exec "bin/none": no such file or directory`},
		"not executable": {[]string{plain}, nil, unix.EACCES,
			`cannot start "` + plain + `": exec "` + plain + `": permission denied`},
		"a directory": {[]string{dir}, nil, unix.EACCES,
			`cannot start "` + dir + `": exec "` + dir + `": permission denied`},
		"no program": {[]string{noFormat}, nil, unix.ENOEXEC,
			`cannot start "` + noFormat + `": exec "` + noFormat + `": exec format error`},
		"missing interpreter": {[]string{"./nointerp"}, func(s *Spec) { s.Dir = dir }, unix.ENOENT,
			`cannot start "./nointerp": exec "./nointerp": interpreter "/no/such/php": no such file or directory`},
		"missing interpreter, absolute": {[]string{noInterp}, nil, unix.ENOENT,
			`cannot start "` + noInterp + `": exec "` + noInterp + `": interpreter "/no/such/php": no such file or directory`},
		"command closed to the user": {[]string{secret}, func(s *Spec) { s.Cred = user }, unix.EACCES,
			`cannot start "` + secret + `": exec "` + secret + `": permission denied`},
		"soft above hard": {[]string{"true"}, func(s *Spec) { s.Rlimits = []Rlimit{{unix.RLIMIT_CORE, 2, 1}} }, unix.EINVAL,
			`cannot start "true": set limit "core=2:1": invalid argument`},
		"nofile above the kernel's": {[]string{"true"}, func(s *Spec) { s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 1 << 40, 1 << 40}} }, unix.EPERM,
			`cannot start "true": set limit "nofile=1099511627776": operation not permitted`},
		"score out of range": {[]string{"true"}, func(s *Spec) { s.OOMScoreAdj = 1001 }, unix.EINVAL,
			`cannot start "true": set oom_score_adj to "1001": invalid argument`},
		"stdout not open": {[]string{"true"}, func(s *Spec) { s.Stdout = 9999 }, unix.EBADF,
			`cannot start "true": connect "stdout": bad file descriptor`},
		"too long": {[]string{"true", strings.Repeat("x", 200_000)}, nil, unix.E2BIG,
			`cannot start "true": exec "/usr/bin/true": argument list too long`},
		"too many groups": {[]string{"true"}, func(s *Spec) { s.Cred = &Credential{Groups: make([]uint32, 1<<17)} }, unix.EINVAL, ""},
		"not a cgroup": {[]string{"true"}, func(s *Spec) { s.CgroupFD = null(t) }, unix.EBADF,
			`cannot start "true": fork into cgroup "/dev/null": bad file descriptor`},
		"no command": {nil, nil, 0, `cannot start "": exec: no command`},
		"NUL in the environment": {[]string{"true"}, func(s *Spec) { s.Env = []string{"A=\x00"} }, 0,
			`cannot start "true": prepare "A=\x00": contains a NUL byte`},
	} {
		t.Run(name, func(t *testing.T) {
			fds := openFds(t)
			s := spec(c.argv...)
			if c.change != nil {
				c.change(&s)
			}
			child, err := Start(context.Background(), s)
			if err == nil {
				child.Signal(syscall.SIGKILL)
				await(t, child)
				t.Fatal("started")
			}
			var e *Error
			if !errors.As(err, &e) || c.errno != 0 && !errors.Is(err, c.errno) {
				t.Errorf("error %#v, want errno %v", err, c.errno)
			}
			if c.want != "" && err.Error() != c.want {
				t.Errorf("error\n%s\nwant\n%s", err, c.want)
			}
			if n := openFds(t); n != fds {
				t.Errorf("open descriptors\n%s\nbefore\n%s", n, fds)
			}
		})
	}
	noChildren(t)
}

func null(t *testing.T) int {
	if err := Prepare(); err != nil {
		t.Fatal(err)
	}
	return machine.null
}

func TestCgroupFailures(t *testing.T) {
	path, dir := cgroupDir(t)
	t.Run("removed", func(t *testing.T) {
		if err := os.Mkdir(path+"/gone", 0o755); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path+"/gone", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := os.Remove(path + "/gone"); err != nil {
			t.Fatal(err)
		}
		s := spec("true")
		s.CgroupFD = fd
		_, err = Start(context.Background(), s)
		want := `cannot start "true": fork into cgroup "` + path + `/gone (deleted)": no such file or directory`
		if err == nil || err.Error() != want {
			t.Errorf("error\n%v\nwant\n%s", err, want)
		}
	})
	t.Run("killed before exec", func(t *testing.T) {
		// Frozen, a child can be born but not run; then it is killed from outside.
		write(t, path+"/cgroup.freeze", "1")
		defer write(t, path+"/cgroup.freeze", "0")
		s := spec("true")
		s.CgroupFD = dir
		result := make(chan error, 1)
		go func() {
			_, err := Start(context.Background(), s)
			result <- err
		}()
		waitFor(func() bool { return slurp(path+"/cgroup.procs") != "" })
		write(t, path+"/cgroup.kill", "1")
		err := <-result
		want := `cannot start "true": fork into cgroup "` + path + `": died before it could exec: signal 9 (killed)`
		if err == nil || err.Error() != want || !errors.Is(err, ErrDied) {
			t.Errorf("error\n%v\nwant\n%s", err, want)
		}
	})
	noChildren(t)
}

// As nobody, in a child of the test: what only root may is refused by name,
// and the limit of open files is passed on as that child was born with it.
func TestWithoutRoot(t *testing.T) {
	root(t)
	out, _, _ := output(t, asNobody("fail"))
	want := []string{
		`cannot start "true": set supplementary groups to "none": operation not permitted`,
		`cannot start "true": set limit "nofile=30000": operation not permitted`,
		`cannot start "true": set nice to "-5": permission denied`,
		"born with 200 20000 raised by Go: true", "200", "20000", "child: <nil>",
		`itself: <nil>`,
	}
	// A run with coverage adds a line of its own.
	if text := strings.Join(want, "\n") + "\n"; !strings.HasPrefix(out, text) {
		t.Errorf("got\n%swant\n%s", out, text)
	}
}
