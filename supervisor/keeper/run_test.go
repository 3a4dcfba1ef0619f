package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/hear"
)

func descriptors(t testing.TB, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// stat is field n of /proc/PID/stat, counted as in proc_pid_stat(5).
func stat(t testing.TB, pid, n int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)[n-3]
}

func TestProcess(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	k := open(t, o)
	pid := strconv.Itoa(k.PID())
	argv, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if want := "bulkhead\x00keeper\x00" + o.Socket + "\x00"; err != nil || string(argv) != want {
		t.Errorf("argv %q, %v", argv, err)
	}
	if comm, err := os.ReadFile("/proc/" + pid + "/comm"); err != nil || string(comm) != "bulkhead-keeper\n" {
		t.Errorf("comm %q, %v", comm, err)
	}
	if cwd, err := os.Readlink("/proc/" + pid + "/cwd"); err != nil || cwd != "/" {
		t.Errorf("cwd %q, %v", cwd, err)
	}
	for fd := range 3 {
		if file, err := os.Readlink(fmt.Sprintf("/proc/%s/fd/%d", pid, fd)); err != nil || file != os.DevNull {
			t.Errorf("descriptor %d: %q, %v", fd, file, err)
		}
	}
	if parent := stat(t, k.PID(), 4); parent == strconv.Itoa(os.Getpid()) {
		t.Error("it is a child of the supervisor")
	}
	if session := stat(t, k.PID(), 6); session != pid {
		t.Errorf("session %s, want %s", session, pid)
	}
	if mode, err := os.Stat(o.Socket); err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", mode, err)
	}
	var lim unix.Rlimit
	if err := unix.Prlimit(k.PID(), unix.RLIMIT_NOFILE, nil, &lim); err != nil || lim.Cur != lim.Max {
		t.Errorf("limit of files %+v, %v", lim, err)
	}
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE, unix.SIGTSTP, unix.SIGUSR1} {
		if err := unix.Kill(k.PID(), sig); err != nil {
			t.Fatal(err)
		}
	}
	heldNow(t, k) // it answers
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %v", err)
	}
}

// TestEndsWithUnit sends what systemd sends to all processes of a unit with
// KillMode=control-group.
func TestEndsWithUnit(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, hear.Stop, hear.Leave} {
		o := options(t, t.TempDir())
		k, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		if err := unix.Kill(k.PID(), sig); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("the end by signal %d", sig), func() bool { return !lives(k.PID()) })
	}
}

func TestEnd(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	k, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	if err := k.Hold("a", fd); err != nil {
		t.Fatal(err)
	}
	k.End()
	until(t, "end", func() bool { return !lives(k.PID()) })
	if _, err := os.Stat(o.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket: %v", err)
	}
	next := open(t, o)
	if next.PID() == k.PID() || len(heldNow(t, next)) != 0 {
		t.Errorf("keeper %d after %d holds %q", next.PID(), k.PID(), heldNow(t, next))
	}
}

// impatient starts a keeper that waits 20 ms where another waits a minute.
func impatient(t *testing.T, o Options) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(self, "impatient", o.Socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// reach connects without ever starting a keeper; false when cmd ended first.
func reach(t *testing.T, o Options, ended <-chan error) (*Keeper, bool) {
	t.Helper()
	var k *Keeper
	gone := false
	until(t, "keeper", func() bool {
		select {
		case <-ended:
			gone = true
			return true
		default:
		}
		var err error
		k, err = connect(t.Context(), o)
		return err == nil
	})
	return k, !gone
}

func TestEndsIdle(t *testing.T) {
	if err := impatient(t, options(t, t.TempDir())).Wait(); err != nil {
		t.Error(err)
	}
}

// TestStaysWhileHolding: many idle times pass, and it can still be found, be
// its socket removed; when the folder is gone, it ends.
func TestStaysWhileHolding(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir)
	socket := o.Socket
	var (
		k     *Keeper
		cmd   *exec.Cmd
		ended chan error
	)
	for there := false; !there; { // on a slow machine it may be idle for too long at once
		cmd, ended = impatient(t, o), make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		k, there = reach(t, o, ended)
	}
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	if err := k.Hold("a", fd); err != nil {
		t.Fatal(err)
	}
	k.Close()
	for range 3 {
		if err := os.Remove(socket); err != nil {
			t.Fatal(err)
		}
		var there bool
		if k, there = reach(t, o, ended); !there {
			t.Fatal("it ended")
		}
		if got := heldNow(t, k); !slices.Equal(got, []string{"a"}) || k.PID() != cmd.Process.Pid {
			t.Errorf("keeper %d holds %q, want %d", k.PID(), got, cmd.Process.Pid)
		}
		k.Close()
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestManyHolds(t *testing.T) {
	dir := t.TempDir()
	var failed atomic.Int32
	o := options(t, dir)
	o.Failed = func(string, error) { failed.Add(1) }
	k := open(t, o)
	before, own := descriptors(t, k.PID()), descriptors(t, os.Getpid())
	const n = 2000
	var want []string
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	for round := range 2 { // the second one replaces
		for i := range n {
			name := fmt.Sprintf("queue:queue_%04d.%s", i, strings.Repeat("x", i%200))
			if round == 0 {
				want = append(want, name)
			}
			if err := k.Hold(name, fd); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := heldNow(t, k); !slices.Equal(got, want) {
		t.Errorf("held %d names, want %d", len(got), n)
	}
	if failed.Load() != 0 {
		t.Errorf("%d failed", failed.Load())
	}
	if got := descriptors(t, k.PID()); got != before+n {
		t.Errorf("keeper has %d descriptors, had %d", got, before)
	}
	for _, name := range want {
		k.Drop(name)
		k.Drop(name)
	}
	if got := heldNow(t, k); len(got) != 0 {
		t.Errorf("held %q", got)
	}
	if got := descriptors(t, k.PID()); got != before {
		t.Errorf("keeper has %d descriptors, had %d", got, before)
	}
	if got := descriptors(t, os.Getpid()); got != own+1 {
		t.Errorf("supervisor has %d descriptors, had %d", got, own)
	}
}

func TestHoldWithoutRoomIsTold(t *testing.T) {
	dir := t.TempDir()
	failed := make(chan string, 20)
	o := options(t, dir)
	o.Failed = func(name string, err error) {
		if !errors.Is(err, unix.EMFILE) {
			t.Errorf("%q: %v", name, err)
		}
		failed <- name
	}
	k := open(t, o)
	room := descriptors(t, k.PID()) + 3
	if err := unix.Prlimit(k.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(room), Max: uint64(room)}, nil); err != nil {
		t.Fatal(err)
	}
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := k.Hold(name, fd); err != nil {
			t.Fatal(err)
		}
	}
	if first, second := <-failed, <-failed; first != "d" || second != "e" {
		t.Errorf("told of %q and %q", first, second)
	}
	k.Drop("a")
	if err := k.Hold("f", fd); err != nil {
		t.Fatal(err)
	}
	if got := heldNow(t, k); !slices.Equal(got, []string{"b", "c", "f"}) {
		t.Errorf("held %q", got)
	}
	k.Drop("b") // room for the connection that ends it
}

func TestMalformedEndsTheConnection(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	k := open(t, o)
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	before := descriptors(t, k.PID())
	one, two := unix.UnixRights(fd), unix.UnixRights(fd, fd)
	for name, c := range map[string]struct{ b, oob []byte }{
		"short":             {[]byte("K"), nil},
		"empty":             {[]byte{}, one},
		"magic":             {[]byte("X\x01\x00\x00\x00\x00\x00\x00"), one},
		"answer":            {packet{op: opHello, answer: true}.append(nil), nil},
		"errno":             {packet{op: opHello, errno: 1}.append(nil), nil},
		"long":              {packet{op: opHold, body: make([]byte, maxPacket)}.append(nil), one},
		"long name":         {packet{op: opHold, body: []byte(strings.Repeat("x", maxName+1))}.append(nil), one},
		"long cursor":       {packet{op: opHeld, body: []byte(strings.Repeat("x", maxName+1))}.append(nil), nil},
		"no name":           {packet{op: opHold}.append(nil), one},
		"NUL":               {packet{op: opDrop, body: []byte("a\x00b")}.append(nil), nil},
		"no descriptor":     {packet{op: opHold, body: []byte("a")}.append(nil), nil},
		"two descriptors":   {packet{op: opHold, body: []byte("a")}.append(nil), two},
		"descriptor to end": {packet{op: opEnd}.append(nil), one},
		"body to end":       {packet{op: opEnd, body: []byte("a")}.append(nil), nil},
	} {
		c2, err := net.Dial("unixpacket", o.Socket)
		if err != nil {
			t.Fatal(err)
		}
		conn := c2.(*net.UnixConn)
		if _, _, err := conn.WriteMsgUnix(c.b, c.oob, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if n, err := conn.Read(make([]byte, 99)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: answered by %d bytes, %v", name, n, err)
		}
		conn.Close()
	}
	k = open(t, o)
	if got := heldNow(t, k); len(got) != 0 {
		t.Errorf("held %q", got)
	}
	if got := descriptors(t, k.PID()); got != before {
		t.Errorf("%d descriptors, had %d", got, before)
	}
	if _, err := k.ask(99, "of a later version"); !errors.Is(err, unix.ENOSYS) {
		t.Errorf("unknown request: %v", err)
	}
	heldNow(t, k)
}

// TestStoppedKeeper: what Hold said is safe is safe, though nobody takes it.
func TestStoppedKeeper(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	pid := open(t, o).PID()
	short := o
	short.Wait = 300 * time.Millisecond
	var k *Keeper
	until(t, "answer", func() bool {
		var err error
		k, err = connect(t.Context(), short)
		return err == nil
	})
	fd := fifo(t, filepath.Join(dir, "a"))
	defer unix.Close(fd)
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var safe []string
	for i := 0; ; i++ {
		name := fmt.Sprintf("%06d", i)
		if err := k.Hold(name, fd); err != nil {
			break
		}
		safe = append(safe, name)
	}
	<-k.Lost()
	if k.Err() == nil || errors.Is(k.Err(), ErrLost) {
		t.Errorf("cause %v", k.Err())
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	next := open(t, o)
	if got := heldNow(t, next); len(safe) == 0 || !slices.Equal(got, safe) || next.PID() != pid {
		t.Errorf("keeper %d holds %q, want %q", next.PID(), got, safe)
	}
}

// TestDeadWithAnswersUnread: the kernel tells of that before it gives what was
// sent.
func TestDeadWithAnswersUnread(t *testing.T) {
	s, peer := pair(t)
	fd := fifo(t, filepath.Join(t.TempDir(), "a"))
	for _, c := range []struct{ b, oob []byte }{
		{packet{op: opHello}.append(nil), nil},
		{packet{op: opHold, body: []byte("a")}.append(nil), unix.UnixRights(fd)},
	} {
		if err := unix.Sendmsg(peer, c.b, c.oob, nil, 0); err != nil {
			t.Fatal(err)
		}
		if c.oob == nil {
			s.drain() // the answer is there, and stays there
		}
	}
	unix.Close(peer)
	s.drain()
	if len(s.held) != 1 || s.conn != -1 {
		t.Errorf("held %v, connection %d", s.held, s.conn)
	}
	s.held.drop([]byte("a"))
	unix.Close(fd)
}

func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	heldNow(t, open(t, options(t, dir)))
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	o := options(t, filepath.Join(dir, "not there"))
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "cannot open lock") {
		t.Errorf("without a folder: %v", err)
	}
	o = options(t, dir)
	o.Exe = "/not/there"
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "/not/there") {
		t.Errorf("without a binary: %v", err)
	}
}

func TestTrusts(t *testing.T) {
	for _, c := range []struct {
		own  int
		uid  uint32
		want bool
	}{{0, 0, true}, {0, 1000, false}, {1000, 0, true}, {1000, 1000, true}, {1000, 1001, false}, {1000, ^uint32(0), false}} {
		if got := trusts(c.own, c.uid); got != c.want {
			t.Errorf("%d trusts %d: %v", c.own, c.uid, got)
		}
	}
}
