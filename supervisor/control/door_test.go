package control_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

// labelled is a guard that says by which door a request came, and keeps out who does not know
// the door's word.
func labelled(name string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Word") != name {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Door", name)
			next.ServeHTTP(w, r)
		})
	}
}

// doors serves by a unix socket and by TCP until the test ends.
func doors(t *testing.T, main net.Listener, tcp net.Listener, carried []control.Carried) *control.Server {
	t.Helper()
	s := control.NewServer(&controltest.Daemon{}, nil)
	s.Handle("/last", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "bye")
	}))
	s.Guard(labelled("main"))
	if err := s.Open(control.Door{Name: "tcp", Listener: tcp, Guard: labelled("tcp")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Carry(carried); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, main) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// visit asks for a path with a word on a connection that stays open.
func visit(t *testing.T, c net.Conn, path, word string) *http.Response {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nWord: %s\r\n\r\n", path, word); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

func enter(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func listeners(t *testing.T) (main, tcp net.Listener, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	main, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return main, tcp, path
}

// Each door has its own guard, and all lead to the same handlers.
func TestDoors(t *testing.T) {
	main, tcp, path := listeners(t)
	doors(t, main, tcp, nil)
	for _, c := range []struct {
		network, address, word string
		code                   int
	}{
		{"unix", path, "main", 200},
		{"unix", path, "tcp", 401},
		{"tcp", tcp.Addr().String(), "tcp", 200},
		{"tcp", tcp.Addr().String(), "main", 401},
	} {
		resp := visit(t, enter(t, c.network, c.address), "/v1/version", c.word)
		if resp.StatusCode != c.code || c.code == 200 && resp.Header.Get("Door") != c.word {
			t.Errorf("%s with %q: got %d by %q, want %d", c.network, c.word, resp.StatusCode, resp.Header.Get("Door"), c.code)
		}
	}
}

// A connection comes through an upgrade with the guard of the door it came by.
func TestDoorsAreCarried(t *testing.T) {
	main, tcp, path := listeners(t)
	s := doors(t, main, tcp, nil)
	byUnix, byTCP := enter(t, "unix", path), enter(t, "tcp", tcp.Addr().String())
	visit(t, byUnix, "/v1/version", "main")
	visit(t, byTCP, "/v1/version", "tcp")
	carried := s.Freeze()
	for i := range carried {
		carried[i].FD = takeAway(t, carried[i].FD)
	}
	s.Thaw()
	nextMain, nextTCP, _ := listeners(t)
	doors(t, nextMain, nextTCP, carried)
	for word, c := range map[string]net.Conn{"main": byUnix, "tcp": byTCP} {
		if resp := visit(t, c, "/v1/version", word); resp.StatusCode != 200 || resp.Header.Get("Door") != word {
			t.Errorf("%s: got %d by %q", word, resp.StatusCode, resp.Header.Get("Door"))
		}
	}
}

// A connection whose door is no more is given up, and nobody else's.
func TestDoorThatIsNoMore(t *testing.T) {
	main, tcp, path := listeners(t)
	s := doors(t, main, tcp, nil)
	c := enter(t, "unix", path)
	visit(t, c, "/v1/version", "main")
	carried := s.Freeze()
	s.Thaw()
	carried[0].FD, carried[0].Door = takeAway(t, carried[0].FD), "gone"
	next := control.NewServer(&controltest.Daemon{}, nil)
	if err := next.Carry(carried); err == nil {
		t.Error("the connection was taken on")
	}
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v, want the end", n, err)
	}
}

// A handler can end the connection with its answer.
func TestLastAnswer(t *testing.T) {
	main, tcp, path := listeners(t)
	doors(t, main, tcp, nil)
	c := enter(t, "unix", path)
	if resp := visit(t, c, "/last", "main"); !resp.Close {
		t.Errorf("the answer does not say that it is the last: %v", resp.Header)
	}
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v, want the end", n, err)
	}
}
