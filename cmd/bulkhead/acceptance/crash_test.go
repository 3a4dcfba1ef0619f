package acceptance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// stamp writes the time of its start to the datagram socket of the test, and waits.
func stamp() {
	now := monotonic()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		fail(err)
	}
	text := fmt.Sprintf("%d %d", os.Getpid(), now)
	if err := syscall.Sendto(fd, []byte(text), 0, &syscall.SockaddrUnix{Name: os.Getenv("STAMP_TO")}); err != nil {
		fail(err)
	}
	for os.Getenv("STAMP_ONCE") == "" {
		_ = syscall.Pause()
	}
}

// stamps reads what the stamp role writes.
type stamps struct {
	t    *testing.T
	path string
	fd   int
}

func newStamps(t *testing.T) *stamps {
	t.Helper()
	s := &stamps{t: t, path: filepath.Join(t.TempDir(), "stamps")}
	var err error
	if s.fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(s.fd) })
	if err := syscall.Bind(s.fd, &syscall.SockaddrUnix{Name: s.path}); err != nil {
		t.Fatal(err)
	}
	wait := syscall.NsecToTimeval(int64(patience))
	if err := syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait); err != nil {
		t.Fatal(err)
	}
	return s
}

// next waits for one start.
func (s *stamps) next() (pid int, at int64) {
	s.t.Helper()
	var b [64]byte
	for {
		n, _, err := syscall.Recvfrom(s.fd, b[:], 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			s.t.Fatalf("no replacement: %v", err)
		}
		if _, err := fmt.Sscan(string(b[:n]), &pid, &at); err != nil {
			s.t.Fatal(err)
		}
		return pid, at
	}
}

// A child that is killed has a successor at once; here without limits, as far as
// this machine has none.
func TestCrashToReplacement(t *testing.T) { crashes(t, "auto", 40) }

// crashes kills one child after the other and prints how long the next one takes.
func crashes(t *testing.T, cgroup string, kills int) {
	t.Helper()
	socket := newStamps(t)
	s := serve(t, cgroup, `
[programs.victim]
`+ownProgram(t, "stamp", "STAMP_TO="+socket.path)+`
autorestart  = true
self_kill    = true
startsecs    = 0
[programs.victim.limits]
memory_max = "256M"
[programs.victim.recycle]
max_memory = "128M"
`)
	var took spread
	var killed []time.Time
	pid, _ := socket.next()
	for range kills {
		before := monotonic()
		killed = append(killed, time.Now())
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		next, at := socket.next()
		if next == pid {
			t.Fatalf("pid %d twice", pid)
		}
		took, pid = append(took, time.Duration(at-before)), next
	}
	alone := startsAlone(t, socket)
	s.events.await(t, "every replacement", atLeast(kills+1, kindOf("ready")))
	if n := len(pick(s.events.events(), endedAs("killed"))); n != kills {
		t.Errorf("%d runs ended as killed, want %d", n, kills)
	}
	give := time.Now().Add(patience)
	st := s.status()[0]
	for st.PID != pid && time.Now().Before(give) { // the replacement may tell of itself first
		st = s.status()[0]
	}
	if st.Restarts != int64(kills) || st.PID != pid || st.State != "RUNNING" || st.OOMKills != 0 {
		t.Errorf("after %d kills: %+v", kills, st)
	}
	for i, what := range []string{"its end is told", "the next start begins", "the replacement's exec is done"} {
		var until spread
		for n, e := range pick(s.events.events(), stages[i]) {
			if n -= min(i, 1); n >= 0 { // the first start was no replacement's
				until = append(until, e.At.Sub(killed[n]))
			}
		}
		figure("cgroup %s, from SIGKILL until %s: %v", cgroup, what, until)
	}
	figure("cgroup %s, from SIGKILL until the replacement's first line of Go: %v", cgroup, took)
	figure("cgroup %s, for comparison, fork and exec of the same program up to there, without bulkhead: %v", cgroup, alone)
}

// stages are the events on the way from a child's end to the next one's exec.
var stages = []func(control.Event) bool{
	kindOf("ended"),
	func(e control.Event) bool { return e.Kind == "state" && e.To == "STARTING" },
	kindOf("ready"), // startsecs is 0: at once
}

// startsAlone starts the same program without bulkhead.
func startsAlone(t *testing.T, socket *stamps) spread {
	t.Helper()
	var alone spread
	for range 30 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{roleKey + "=stamp", "STAMP_ONCE=1", "GORACE=" + noExitSleep, "STAMP_TO=" + socket.path}
		before := monotonic()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, at := socket.next()
		alone = append(alone, time.Duration(at-before))
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	return alone
}
