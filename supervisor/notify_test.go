package supervisor

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/cgroup"
	"bulkhead/conf"
)

// notifyHelper tells its supervisor what a program would: itself, by a child in
// another session, and on SIGUSR1.
func notifyHelper() error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR1)
	if err := tell("JOBS_DONE=nonsense\nREADY=1\nUNKNOWN=1"); err != nil {
		return err
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), helperVar+"=session")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: os.Getenv("OTHER_SESSION") != ""}
	if err := child.Start(); err != nil {
		return err
	}
	<-again
	if err := child.Process.Kill(); err != nil {
		return err
	}
	_ = child.Wait() // it was killed
	return tell("JOBS_DONE=7")
}

// sessionHelper is that child. It stays: who is gone when its datagram is read
// cannot be told from a stranger.
func sessionHelper() error {
	if err := tell("JOBS_DONE=3"); err != nil {
		return err
	}
	time.Sleep(patience)
	return nil
}

func tell(text string) error {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = fmt.Fprint(c, text)
	return err
}

// Who speaks is told by the kernel: the main process, what it has started, and
// nobody else.
func TestNotifySocket(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		n, err := listenNotify(w.host, filepath.Join(t.TempDir(), "b.sock"))
		if err != nil {
			t.Fatal(err)
		}
		w.notifyPath = n.path
		ended := make(chan struct{})
		go func() { n.serve(); close(ended) }()
		defer func() {
			n.close()
			within30s(t, "the end of serve", ended)
			if _, err := os.Stat(n.path); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		}()
		if info, err := os.Stat(n.path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%v %v: programs run as any user", info, err)
		}
		p := shell(t, "", func(p *conf.Program) {
			p.Notify = true
			p.Instances[0].Argv = []string{os.Args[0]}
			p.Instances[0].Environment = map[string]string{helperVar: "notify"}
			if w.tree.Path() != "" { // a session cannot hold who leaves it, a cgroup can
				p.Instances[0].Environment["OTHER_SESSION"] = "1"
			}
		})
		r, _ := w.up(p)
		bad := await[trouble](w)
		if bad.ref != r || !strings.Contains(bad.err.Error(), `"JOBS_DONE=nonsense"`) {
			t.Errorf("%+v", bad)
		}
		if e := await[ready](w); e.ref != r { // the rest of a bad datagram counts
			t.Errorf("%+v", e)
		}
		if e := await[jobsDone](w); e != (jobsDone{ref: r, count: 3}) {
			t.Errorf("by a child: %+v", e)
		}
		stranger(t, n.path)
		w.signal(r, syscall.SIGUSR1, false)
		if e := await[jobsDone](w); e != (jobsDone{ref: r, count: 7}) {
			t.Errorf("after a stranger's: %+v", e)
		}
		await[exited](w)
		w.over(r)
	})
}

// stranger is this test: it sends a claim, a datagram that is too long, and a
// descriptor that nobody asked for.
func stranger(t *testing.T, path string) {
	t.Helper()
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"READY=1\nJOBS_DONE=100", strings.Repeat("JOBS_DONE=1\n", notifyMost), ""} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		err = unix.Sendmsg(int(fd), []byte("JOBS_DONE=50"), unix.UnixRights(0, 1, 2), nil, 0)
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNotifyReplacesAnOldSocket(t *testing.T) {
	control := filepath.Join(t.TempDir(), "b.sock")
	first, err := listenNotify(&host{}, control)
	if err != nil {
		t.Fatal(err)
	}
	first.conn.Close() // as a crash leaves it
	second, err := listenNotify(&host{}, control)
	if err != nil {
		t.Fatal(err)
	}
	second.close()
	_, err = listenNotify(&host{}, "/nowhere/b.sock")
	if err == nil || !strings.HasPrefix(err.Error(), `cannot listen on "/nowhere/b.notify.sock": `) {
		t.Errorf("%v", err)
	}
}

// A quick program speaks before the start that made it is known.
func TestNotifyBeforeTheBirthIsKnown(t *testing.T) {
	h := newHost(&conf.Config{}, &cgroup.Tree{}, nil, newGoTimer(), nil, nil)
	posted := make(chan any, 10)
	h.post = func(e any) { posted <- e }
	n, err := listenNotify(h, filepath.Join(t.TempDir(), "b.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	p := &process{host: h, ref: ref{&instance{}, 1}}
	t.Setenv("NOTIFY_SOCKET", n.path)
	go n.serve()
	// Known while the notifier waits for it; on a machine so slow that it waits no more, again.
	for late := time.Now().Add(patience); time.Now().Before(late); {
		h.mu.Lock()
		delete(h.pids, os.Getpid())
		h.mu.Unlock()
		h.starting.add()
		if err := tell("READY=1"); err != nil {
			t.Fatal(err)
		}
		for waits := false; !waits && time.Now().Before(late); runtime.Gosched() {
			h.starting.mu.Lock()
			waits = h.starting.zero != nil
			h.starting.mu.Unlock()
		}
		h.mu.Lock()
		h.pids[os.Getpid()] = p
		h.mu.Unlock()
		h.starting.done()
		select {
		case e := <-posted:
			if e != (ready{p.ref}) {
				t.Errorf("%+v", e)
			}
			return
		case <-time.After(5 * birthBusy):
		}
	}
	t.Error("READY=1 was lost")
}

func TestReadyBeforeSpawned(t *testing.T) {
	c := worker("queue", 1, func(p *conf.Program) { p.Notify = true })
	within(t, c, func(e *fakeEdge) { e.boot = time.Second }, func(w *world) {
		w.after(500 * time.Millisecond)
		w.loop.post(ready{w.ref("queue")})
		w.after(time.Second)
		if s := w.state("queue"); s != "RUNNING" {
			t.Errorf("%s", s)
		}
	})
}
