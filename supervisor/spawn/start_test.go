package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"bulkhead/supervisor/spawn/nofile"

	"golang.org/x/sys/unix"
)

func TestEverythingIsInForceAtOnce(t *testing.T) {
	root(t)
	defer ignoreSome()()
	path, dir := cgroupDir(t)
	cgroup := path[strings.LastIndexByte(path, '/'):]
	own := ownScore()
	cwd, _ := os.Getwd()
	hard := fmt.Sprint(nofile.Hard)
	nobody := &Credential{UID: 65534, GID: 65533, Groups: []uint32{33, 44}}

	always := map[string]string{"SigIgn": "0000000000000000", "stdin": "/dev/null"}
	for name, c := range map[string]struct {
		change func(*Spec)
		want   map[string]string
	}{
		"plain": {func(*Spec) {}, map[string]string{
			"oom_score_adj": fmt.Sprint(own), "cwd": cwd, "nice": "0", "Uid": "0 0 0 0",
			"nofile": fmt.Sprint(nofile.Soft) + " " + hard, "Umask": "0022",
		}},
		"score": {func(s *Spec) { s.OOMScoreAdj = own + 300 },
			map[string]string{"oom_score_adj": fmt.Sprint(own + 300)}},
		"umask":      {func(s *Spec) { s.Umask = 0o137 }, map[string]string{"Umask": "0137"}},
		"umask zero": {func(s *Spec) { s.Umask = 0 }, map[string]string{"Umask": "0000"}},
		"nice":       {func(s *Spec) { s.Nice, s.NiceSet = 7, true }, map[string]string{"nice": "7"}},
		"nice below": {func(s *Spec) { s.Nice, s.NiceSet = -3, true }, map[string]string{"nice": "-3"}},
		"nofile": {func(s *Spec) { s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 300, 400}} },
			map[string]string{"nofile": "300 400"}},
		"directory": {func(s *Spec) { s.Dir = "/usr/bin" }, map[string]string{"cwd": "/usr/bin"}},
		"user": {func(s *Spec) { s.Cred = nobody }, map[string]string{
			"Uid": "65534 65534 65534 65534", "Gid": "65533 65533 65533 65533", "Groups": "33 44",
			"CapEff": "0000000000000000", "CapPrm": "0000000000000000",
		}},
		"user without groups": {func(s *Spec) { s.Cred = &Credential{UID: 65534, GID: 65534} },
			map[string]string{"Groups": ""}},
		"cgroup": {func(s *Spec) { s.CgroupFD = dir }, map[string]string{"cgroup": "0::" + cgroup}},
		"all": {func(s *Spec) {
			s.OOMScoreAdj, s.Umask, s.Nice, s.NiceSet = own+900, 0o77, 5, true
			s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 64, 64}, {unix.RLIMIT_CORE, 0, 0}}
			s.Dir, s.Cred, s.CgroupFD = "/tmp", nobody, dir
		}, map[string]string{
			"oom_score_adj": fmt.Sprint(own + 900), "Umask": "0077", "nice": "5", "nofile": "64 64",
			"cwd": "/tmp", "Uid": "65534 65534 65534 65534", "cgroup": "0::" + cgroup,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec("sh", "-c", look)
			c.change(&s)
			out, child, status := output(t, s)
			if status.Code != 0 || len(child.Warnings) > 0 {
				t.Errorf("%v, warnings %v, output:\n%s", status, child.Warnings, out)
			}
			both := parseLook(t, out)
			for i, who := range []string{"child", "grandchild"} {
				both[i].want(t, who, always)
				both[i].want(t, who, c.want)
				pid := strconv.Itoa(child.PID)
				if s := both[i]["stat"]; !strings.Contains(s, " "+pid+" "+pid+" 0 -1 ") {
					t.Errorf("%s: not in the child's session and group without a terminal: %s", who, s)
				}
			}
		})
	}
}

// ignoreSome ignores what a shell's "&" and nohup leave ignored to a
// supervisor; the returned function takes it back.
func ignoreSome() (undo func()) {
	list := []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE, syscall.Signal(40)}
	signal.Ignore(list...)
	return func() { signal.Reset(list...) }
}

func TestSignalsAreReset(t *testing.T) {
	defer ignoreSome()()
	out, _, _ := output(t, spec("cat", "/proc/self/status"))
	for _, want := range []string{"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"} {
		if !strings.Contains(out, "\n"+want+":\t0000000000000000\n") {
			t.Errorf("%s is not empty:\n%s", want, out)
		}
	}
}

func TestNoDescriptorIsInherited(t *testing.T) {
	// Opened by somebody careless, after Prepare.
	careless, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(careless)
	c, err := Start(context.Background(), spec("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.PID))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range list {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.PID, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // the loader's, closed again
		}
		// The loader may be at work: what it opens comes from its libraries.
		if i > 2 && !strings.Contains(to, ".so") && !strings.Contains(to, "locale") && !strings.Contains(to, "/lib/") ||
			i <= 2 && to != "/dev/null" {
			t.Errorf("descriptor %s is %s", e.Name(), to)
		}
	}
	if err := c.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	await(t, c)
}

// Nothing that a child gets may show in the supervisor, whatever the order.
func TestManyAtOnceLeaveNoTrace(t *testing.T) {
	const workers, each = 8, 125
	before, fds := traces(), openFds(t)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				s := spec("true")
				s.OOMScoreAdj, s.Umask, s.Dir = ownScore()+1+i, 0o77, "/tmp"
				s.Nice, s.NiceSet = 3, true
				s.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 40, 40}}
				if w%4 == 3 {
					s.Dir = "/nowhere"
				}
				c, err := Start(context.Background(), s)
				if (err != nil) != (w%4 == 3) {
					t.Errorf("start: %v", err)
				}
				if err != nil {
					continue
				}
				if st := await(t, c); st.Code != 0 {
					t.Errorf("status %v", st)
				}
				c.Close()
			}
		})
	}
	all.Wait()
	if after := traces(); after != before {
		t.Errorf("the supervisor changed:\n%s\n%s", before, after)
	}
	if n := openFds(t); n != fds {
		t.Errorf("open descriptors\n%s\nbefore\n%s", n, fds)
	}
	noChildren(t)
}

func traces() string {
	var lim unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &lim)
	umask := ""
	for line := range strings.Lines(slurp("/proc/self/status")) {
		if strings.HasPrefix(line, "Umask") {
			umask = line
		}
	}
	nice, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	cwd, _ := os.Getwd()
	return fmt.Sprint(ownScore(), umask, lim, nice, cwd, unix.Getpgrp())
}

// The outputs may be any descriptors, the supervisor's own 1 and 2 crossed too.
func TestOutputsAreConnected(t *testing.T) {
	for _, c := range []struct {
		name     string
		out, err bool
		want     string
	}{
		{"both", true, true, "out\nerr\n"},
		{"stdout", true, false, "out\n"},
		{"stderr", false, true, "err\n"},
		{"none", false, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s := spec("sh", "-c", "echo out; echo err >&2")
			if c.out {
				s.Stdout = int(f.Fd())
			}
			if c.err {
				s.Stderr = int(f.Fd())
			}
			child, err := Start(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			defer child.Close()
			await(t, child)
			if got := slurp(f.Name()); got != c.want {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
		})
	}
	t.Run("crossed", func(t *testing.T) {
		want1, _ := os.Readlink("/proc/self/fd/1")
		want2, _ := os.Readlink("/proc/self/fd/2")
		s := spec("sleep", "1000")
		s.Stdout, s.Stderr = 2, 1
		child, err := Start(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		defer child.Close()
		got1, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/1", child.PID))
		got2, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", child.PID))
		if got1 != want2 || got2 != want1 {
			t.Errorf("1 is %s, 2 is %s; ours are %s and %s", got1, got2, want1, want2)
		}
		if err := child.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		await(t, child)
	})
}

func TestScoreRefusedIsAWarning(t *testing.T) {
	// The guest's root may lower it: then there is nothing to warn of.
	s := spec("cat", "/proc/self/oom_score_adj")
	s.OOMScoreAdj = -1000
	out, c, _ := output(t, s)
	switch strings.TrimSpace(out) {
	case "-1000":
		if len(c.Warnings) != 0 {
			t.Errorf("warnings %v", c.Warnings)
		}
	case fmt.Sprint(ownScore()):
		want := `cannot set oom_score_adj to "-1000": permission denied`
		if len(c.Warnings) != 1 || c.Warnings[0].Error() != want {
			t.Errorf("warnings %v, want %s", c.Warnings, want)
		}
	default:
		t.Errorf("oom_score_adj is %s", out)
	}
}

func TestMovesInWhereCloneCannot(t *testing.T) {
	if err := Prepare(); err != nil {
		t.Fatal(err)
	}
	was := machine.noClone3.Swap(true)
	defer machine.noClone3.Store(was)
	path, dir := cgroupDir(t)
	s := spec("cat", "/proc/self/cgroup")
	s.CgroupFD = dir
	out, _, _ := output(t, s)
	if want := "0::" + path[strings.LastIndexByte(path, '/'):] + "\n"; !strings.HasSuffix(out, want) {
		t.Errorf("cgroup is %q, want %q at the end", out, want)
	}
}
