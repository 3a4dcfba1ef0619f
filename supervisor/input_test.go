package supervisor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/programs"
)

// TestRunReadsItsInput: what is sent is read, nothing is read as the end, and the FIFO
// is gone with the run.
func TestRunReadsItsInput(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		out := filepath.Join(t.TempDir(), "out")
		r, run := w.up(shell(t, `read a; read b; echo "$a-$b"`, func(p *conf.Program) {
			p.Stdin = true
			p.Instances[0].Stdout.Path = out
		}))
		for _, line := range []string{"one\n", "two\n"} {
			if err := run.input.send(context.Background(), []byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if e := await[exited](w); e.exit != (programs.Exit{}) {
			t.Errorf("%+v", e)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != "one-two\n" {
			t.Errorf("%q, %v", got, err)
		}
		if err := run.input.send(context.Background(), []byte("late\n")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after its end: %v", err)
		}
		w.over(r)
		if _, err := os.Stat(run.input.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("its standard input is still there: %v", err)
		}
	})
}

// accepts is a FastCGI program as far as its socket goes: it waits in accept, answers
// one connection with its number, and ends.
const accepts = `exec python3 -c 'import socket,os; s=socket.socket(fileno=0); c,_=s.accept(); c.sendall(b"served"); c.close()'`

// TestFcgiSocket: two runs share one listening socket, a run that is taken over gives
// it to the next supervisor, and it is closed with the last one.
func TestFcgiSocket(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			inReality(t, func(t *testing.T, w *reality) {
				c := &conf.Fcgi{Network: "unix", Address: filepath.Join(t.TempDir(), "f.sock"), Mode: 0o600, UID: -1, GID: -1}
				if network == "tcp" {
					c = &conf.Fcgi{Network: "tcp", Address: freePort(t), Backlog: 7}
				}
				p := shell(t, accepts, func(p *conf.Program) { p.Fcgi = c })
				r1, run1 := w.up(p)
				r2, run2 := w.up(p)
				if run1.fcgi != run2.fcgi || run1.fcgi.users != 2 {
					t.Fatalf("not shared: %+v %+v", run1.fcgi, run2.fcgi)
				}
				if got := ask(t, c); got != "served" {
					t.Errorf("answer %q", got)
				}
				first := await[exited](w)
				w.over(first.ref)
				last, run := r2, run2
				if first.ref == r2 {
					last, run = r1, run1
				}
				w.handOver(run, c)
				if got := ask(t, c); got != "served" {
					t.Errorf("answer %q", got)
				}
				await[exited](w)
				w.over(last)
				if conn, err := net.Dial(c.Network, c.Address); err == nil {
					conn.Close()
					t.Error("somebody still listens")
				}
				if len(w.fcgis) != 0 {
					t.Errorf("%d sockets are left", len(w.fcgis))
				}
			})
		})
	}
}

// handOver makes the run's socket what a successor has of it.
func (w *reality) handOver(p *process, c *conf.Fcgi) {
	w.t.Helper()
	own := p.fcgi
	delete(w.fcgis, p.name.program)
	if err := w.fcgiAdopt(p, c); err != nil {
		w.t.Fatal(err)
	}
	if p.fcgi == own {
		w.t.Fatal("it was not taken over")
	}
	_ = own.file.Close()
	if l, ok := own.listener.(interface{ SetUnlinkOnClose(bool) }); ok {
		l.SetUnlinkOnClose(false)
	}
	if c.Network == "tcp" {
		_ = own.listener.Close()
	}
}

func ask(t *testing.T, c *conf.Fcgi) string {
	t.Helper()
	conn, err := net.Dial(c.Network, c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestFcgiRefused: a socket that cannot be made is a start that failed, and why is said.
func TestFcgiRefused(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		w.start(shell(t, accepts, func(p *conf.Program) {
			p.Fcgi = &conf.Fcgi{Network: "unix", Address: "/nonexistent\x00/f.sock", UID: -1, GID: -1}
		}))
		for e := range w.events {
			if failed, ok := e.(spawnFailed); ok {
				if failed.err == nil {
					t.Error("no reason")
				}
				break
			}
		}
		if len(w.fcgis) != 0 {
			t.Error("a socket is left")
		}
	})
}

// TestFcgiAdoptsOnlySockets: a run whose standard input is something else has none to give.
func TestFcgiAdoptsOnlySockets(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		r, run := w.up(shell(t, "exec sleep 1000", nil))
		if err := w.fcgiAdopt(run, &conf.Fcgi{Network: "tcp"}); err == nil {
			t.Error("/dev/null was taken for a socket")
		}
		w.signal(r, unix.SIGKILL, false)
		await[exited](w)
		w.over(r)
	})
}
