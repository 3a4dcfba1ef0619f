package cgroup

import (
	"bufio"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handle is what a supervisor holds a run by; both kinds must fit.
type handle interface {
	Path() string
	FD() int
	ID() uint64
	Apply(Limits) error
	SetHigh(int64) error
	Read() (Reading, error)
	Counts() (Counts, error)
	EventsFD() (int, error)
	PopulatedFD() (int, error)
	Populated() (bool, error)
	PressureTrigger(full bool, stall, window time.Duration) (int, error)
	Procs() ([]int, error)
	Signal(syscall.Signal) error
	Kill() error
	Reclaim(int64) error
	Remove() error
	Close()
}

var _, _ handle = (*Group)(nil), (*Session)(nil)

func TestMembers(t *testing.T) {
	const main, birth = 100, 50
	base := map[int]process{
		1:   {parent: 0, session: 1, start: 1},
		100: {parent: 1, session: 100, start: birth},
		101: {parent: 100, session: 100, start: 51},
		200: {parent: 101, session: 200, start: 52}, // its own session, but a descendant
		201: {parent: 200, session: 200, start: 53},
		300: {parent: 1, session: 300, start: 10}, // a stranger
	}
	with := func(change map[int]process) map[int]process {
		all := maps.Clone(base)
		maps.Copy(all, change)
		return all
	}
	without := func(pids ...int) map[int]process {
		all := maps.Clone(base)
		for _, pid := range pids {
			delete(all, pid)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		all   map[int]process
		known map[int]uint64
		want  []int
	}{
		{"the whole family", base, nil, []int{100, 101, 200, 201}},
		{"main is dead, its session lives", without(100), nil, []int{101, 200, 201}},
		{"main is a zombie, its child still below it", with(map[int]process{100: {1, 100, birth, true}}), nil, []int{100, 101, 200, 201}},
		{"an orphan daemon that was seen", with(map[int]process{200: {1, 200, 52, false}}), map[int]uint64{200: 52}, []int{100, 101, 200, 201}},
		{"an orphan daemon that was not", with(map[int]process{200: {1, 200, 52, false}}), nil, []int{100, 101}},
		{"a seen number given out again", with(map[int]process{200: {1, 200, 99, false}}), map[int]uint64{200: 52}, []int{100, 101}},
		{"main's number given out again", map[int]process{1: base[1], 100: {1, 100, 900, false}, 101: {100, 100, 901, false}}, map[int]uint64{100: birth}, nil},
		{"nobody left", map[int]process{1: base[1]}, map[int]uint64{100: birth, 101: 51}, nil},
	} {
		got := slices.Sorted(maps.Keys(members(c.all, main, birth, c.known)))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: members %v, want %v", c.name, got, c.want)
		}
	}
	if got := members(base, main, 0, nil); len(got) != 0 {
		t.Errorf("main was gone before it was seen: members %v", got)
	}
}

func TestParseProc(t *testing.T) {
	const tail = " S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 2 3\n"
	for text, want := range map[string]process{
		"42 (php)" + tail:                                 {7, 41, 987654, false},
		"42 (a b) (c) S 9)" + tail:                        {7, 41, 987654, false},
		"42 (x)" + strings.Replace(tail, " S ", " Z ", 1): {7, 41, 987654, true},
	} {
		if got, ok := parseProc([]byte(text)); !ok || got != want {
			t.Errorf("parseProc(%q) = %+v, %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "42 (php", "42 (php) S 1 2", "42 (php)" + strings.Replace(tail, "7", "x", 1)} {
		if got, ok := parseProc([]byte(text)); ok {
			t.Errorf("parseProc(%q) = %+v", text, got)
		}
	}
	self, ok := readProc("/proc", os.Getpid())
	if sid, _ := unix.Getsid(0); !ok || self.parent != os.Getppid() || self.session != sid || self.start == 0 {
		t.Errorf("this process reads %+v", self)
	}
}

// launch starts this binary as a session of its own and returns when it says so.
func launch(t *testing.T, what string) (*Session, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"CGROUP_TEST_CHILD=" + what}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	s := NewSession()
	s.SetMain(cmd.Process.Pid)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the child said %q, %v", line, err)
	}
	return s, cmd
}

func TestSession(t *testing.T) {
	s, cmd := launch(t, "withchild withdaemon grow 30 say ready sleep")
	pids, err := s.Procs()
	if err != nil || len(pids) != 3 || !slices.Contains(pids, cmd.Process.Pid) {
		t.Fatalf("Procs = %v, %v, want three with %d", pids, err, cmd.Process.Pid)
	}
	r, err := s.Read()
	if err != nil || r.Measure < 30<<20 || r.Measure > 200<<20 || r.Anon < 30<<20 || r.Peak != r.Measure || r.MeasureFromCurrent != r.Measure {
		t.Errorf("Read = %+v, %v", r, err)
	}
	if err := s.Remove(); !errors.Is(err, ErrBusy) {
		t.Errorf("Remove of a living session: %v, want ErrBusy", err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if populated, err := s.Populated(); err != nil || populated {
		t.Errorf("after Kill: populated %v, %v", populated, err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("the main process was not left to be waited for: %v", cmd.ProcessState)
	}
	if err := errors.Join(s.Remove(), s.Kill(), s.Signal(unix.SIGTERM)); err != nil {
		t.Errorf("ending what is gone: %v", err)
	}
	if r, err := s.Read(); err != nil || r.Measure != 0 || r.Peak < 30<<20 {
		t.Errorf("an empty session reads %+v, %v", r, err)
	}
}

func TestSessionOutlivesItsMain(t *testing.T) {
	s, cmd := launch(t, "withchild withdaemon say ready sleep")
	if pids, err := s.Procs(); err != nil || len(pids) != 3 {
		t.Fatalf("Procs = %v, %v", pids, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	pids, err := s.Procs()
	if err != nil || len(pids) != 2 || slices.Contains(pids, cmd.Process.Pid) {
		t.Fatalf("without the main process: %v, %v, want the other two", pids, err)
	}
	if err := s.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil { // waits for what SIGTERM has begun
		t.Fatal(err)
	}
	if pids, err := s.Procs(); err != nil || len(pids) != 0 {
		t.Errorf("after Signal and Kill: %v, %v", pids, err)
	}
}

func TestSessionWithoutMain(t *testing.T) {
	s := NewSession()
	if pids, err := s.Procs(); err != nil || pids != nil {
		t.Errorf("Procs = %v, %v", pids, err)
	}
	if r, err := s.Read(); err != nil || r.Measure != 0 {
		t.Errorf("Read = %+v, %v", r, err)
	}
	var h handle = s
	if c, err := h.Counts(); err != nil || c != (Counts{}) || h.FD() != -1 || h.ID() != 0 || h.Path() != "" || h.Apply(Limits{}) != nil {
		t.Error("the methods without a kernel behind them")
	}
	_, err1 := h.EventsFD()
	_, err2 := h.PopulatedFD()
	_, err3 := h.PressureTrigger(true, 1, 1)
	for _, err := range []error{err1, err2, err3, h.SetHigh(1), h.Reclaim(1)} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want ErrUnsupported", err)
		}
	}
	h.Close()
}
