package rpc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/rpc"
)

// patience is how long a client waits before a test fails.
const patience = 30 * time.Second

// open serves the interface of f on a unix socket until the test ends.
func open(t *testing.T, f *fake, user, password string) (path string) {
	t.Helper()
	path = filepath.Join(f.dir, "s")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	s := control.NewServer(&controltest.Daemon{}, log.New(t.Output(), "", 0))
	i := rpc.New(f)
	s.Handle(rpc.Path, i)
	s.Handle(rpc.LogTailPath, http.HandlerFunc(i.LogTail))
	s.Handle(rpc.LogTailPath+"/", s.Streams(http.HandlerFunc(i.LogTail)))
	s.Handle(rpc.MainLogTailPath, s.Streams(http.HandlerFunc(i.MainLogTail)))
	s.Guard(guard(user, password))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return path
}

func guard(user, password string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return rpc.Guard(user, password, next) }
}

// say sends text as it is and reads one answer; with the connection to read on.
func say(t *testing.T, path, text string) (*http.Response, net.Conn) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return resp, c
}

func post(body, header string) string {
	return fmt.Sprintf("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", header, len(body), body)
}

const getState = `<methodCall><methodName>supervisor.getState</methodName></methodCall>`

func TestHTTP(t *testing.T) {
	nothing := newFake(t)
	path := open(t, nothing, "", "")
	for _, c := range []struct {
		name, text string
		code       int
		has        string
	}{
		{"a call", post(getState, ""), 200, "<name>statecode</name>"},
		{"a fault", post(`<methodCall><methodName>x.y</methodName></methodCall>`, ""), 200, "<name>faultCode</name>"},
		{"an old client", "POST /RPC2 HTTP/1.0\r\nContent-Length: 69\r\n\r\n" + getState, 200, "RUNNING"},
		{"an open server is told a password", post(getState, "Authorization: Basic Og==\r\n"), 200, "RUNNING"},
		{"GET", "GET /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "Error response"},
		{"no length", "POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", 411, "Error response"},
		{"chunks", "POST /RPC2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "Error response"},
		{"no XML", post("hello", ""), 400, "Error response"},
		{"no method", post("<methodCall></methodCall>", ""), 400, "Error response"},
		{"nil", post(`<methodCall><methodName>supervisor.getState</methodName><params><param><value><nil/></value></param></params></methodCall>`, ""), 500, "Error response"},
		{"POST to a log", "POST /logtail/cat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400, "Error response"},
		{"POST to the main log", "POST /mainlogtail HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400, "Error response"},
		{"the log of nobody", "GET /logtail HTTP/1.1\r\nHost: x\r\n\r\n", 500, "Error response"},
		{"an unknown name", "GET /logtail/nope HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Error response"},
		{"a group", "GET /logtail/q:* HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Error response"},
		{"an unknown channel", "GET /logtail/cat/stdin HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Error response"},
		{"no log file", "GET /logtail/cat/stderr HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Error response"},
	} {
		resp, _ := say(t, path, c.text)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != c.code || !strings.Contains(string(body), c.has) {
			t.Errorf("%s: got %d %q, %v, want %d with %q", c.name, resp.StatusCode, body, err, c.code, c.has)
		}
	}
}

func TestPasswords(t *testing.T) {
	const sha = "{SHA}5ba15c53c9d0ca61c14d7b7d5c6fb1cc8b7aba3d" // of something else
	for _, password := range []string{"secret", "{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4", sha} {
		path := open(t, newFake(t), "user", password)
		right := password != sha
		for name, c := range map[string]struct {
			header string
			in     bool
		}{
			"nobody":         {"", false},
			"right":          {"Authorization: Basic dXNlcjpzZWNyZXQ=\r\n", right},
			"wrong password": {"Authorization: Basic dXNlcjp3cm9uZw==\r\n", false},
			"wrong user":     {"Authorization: Basic cm9vdDpzZWNyZXQ=\r\n", false},
			"empty":          {"Authorization: Basic Og==\r\n", false},
			"no colon":       {"Authorization: Basic dXNlcg==\r\n", false},
			"not basic":      {"Authorization: Bearer dXNlcjpzZWNyZXQ=\r\n", false},
		} {
			for _, text := range []string{post(getState, c.header), "GET /v1/version HTTP/1.1\r\nHost: x\r\n" + c.header + "\r\n"} {
				resp, _ := say(t, path, text)
				switch {
				case c.in && resp.StatusCode != 200:
					t.Errorf("%s with %q: got %d", name, password, resp.StatusCode)
				case !c.in && (resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != `Basic realm="default"`):
					t.Errorf("%s with %q: got %d %v, want 401 and the realm", name, password, resp.StatusCode, resp.Header)
				}
			}
		}
	}
}

// The client is supervisorctl's tail -f, byte by byte: no Host, and an empty line too many.
const tailRequest = "GET /logtail/cat/stdout HTTP/1.1\r\nHost: \r\nAccept-Encoding: chunked\r\nAccept: */*\r\nUser-agent: Supervisor HTTP Client\r\n\r\n\r\n"

func TestLogTail(t *testing.T) {
	f := newFake(t)
	f.write(t, strings.Repeat("x", 2000)+"é end\n")
	path := open(t, f, "", "")
	resp, c := say(t, path, tailRequest)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain;charset=utf-8" || resp.Header.Get("X-Accel-Buffering") != "no" ||
		resp.TransferEncoding[0] != "chunked" || resp.Header.Get("Last-Modified") == "" {
		t.Errorf("got %d %v %v", resp.StatusCode, resp.Header, resp.TransferEncoding)
	}
	first := make([]byte, 1024)
	if _, err := io.ReadFull(resp.Body, first); err != nil || !strings.HasSuffix(string(first), "xé end\n") {
		t.Errorf("it begins with %q, %v", first, err)
	}
	// Half a character comes with its other half.
	sink, err := f.set.Open(logs.Target{Path: filepath.Join(f.dir, "cat.log")})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	for _, part := range []string{"caf\xc3", "\xa9\n"} {
		if _, err := io.WriteString(sink, part); err != nil {
			t.Fatal(err)
		}
	}
	next := make([]byte, len("café\n"))
	if _, err := io.ReadFull(resp.Body, next); err != nil || string(next) != "café\n" {
		t.Errorf("it goes on with %q, %v", next, err)
	}
	c.Close()
}

// supervisorctl waits for the end of the connection, not for the last chunk.
func TestLogTailEndsWithItsServer(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(f.dir, "s")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	s := control.NewServer(&controltest.Daemon{}, nil)
	s.Handle(rpc.MainLogTailPath, s.Streams(http.HandlerFunc(rpc.New(f).MainLogTail)))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	resp, c := say(t, path, "GET /mainlogtail HTTP/1.1\r\nHost: \r\n\r\n")
	first := make([]byte, len("hello\n"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "hello\n" {
		t.Errorf("got %q, %v", first, err)
	}
	cancel()
	if text, err := io.ReadAll(resp.Body); err != nil || len(text) != 0 {
		t.Errorf("then %q, %v", text, err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %d bytes, %v, want the end of the connection", n, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A client that goes while it waits ends its call.
func TestClientGoesWhileItWaits(t *testing.T) {
	f := newFake(t)
	f.block = true
	path := open(t, f, "", "")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(c, post(`<methodCall><methodName>supervisor.startProcess</methodName><params><param><value>q:q_00</value></param></params></methodCall>`, ""))
	if err != nil {
		t.Fatal(err)
	}
	await(t, f, "start q:q_00 true")
	c.Close()
	await(t, f, "start given up")
}

// await waits until the supervisor was told something.
func await(t *testing.T, f *fake, what string) {
	t.Helper()
	late := time.After(patience)
	for {
		for _, told := range f.heard() {
			if told == what {
				return
			}
		}
		select {
		case <-late:
			t.Fatalf("waited %v for %q, was told %q", patience, what, f.heard())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
