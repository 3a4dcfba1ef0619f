package xmlrpc_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulkhead/supervisor/xmlrpc"
)

// echo answers a call with its first parameter, "fault" with a fault.
func echo(w http.ResponseWriter, r *http.Request) {
	if _, pass, ok := r.BasicAuth(); ok && pass != "right" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, "log of "+r.URL.Path)
		return
	}
	call, err := xmlrpc.DecodeCall(r.Body)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case call.Method == "fault":
		_ = xmlrpc.EncodeFault(w, &xmlrpc.Fault{Code: 10, String: "BAD_NAME: x"})
	default:
		_ = xmlrpc.EncodeResult(w, call.Params[0])
	}
}

func dial(t *testing.T, url, user, pass string) *xmlrpc.Client {
	t.Helper()
	c, err := xmlrpc.Dial(url, user, pass)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCallOverUnixAndTCP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	onUnix := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(echo)}}
	onUnix.Start()
	defer onUnix.Close()
	onTCP := httptest.NewServer(http.HandlerFunc(echo))
	defer onTCP.Close()
	for _, url := range []string{"unix://" + path, onTCP.URL} {
		c := dial(t, url, "user", "right")
		if v, err := c.Call(t.Context(), "echo", "café"); v != "café" || err != nil {
			t.Errorf("%s: got %v, %v", url, v, err)
		}
		var fault *xmlrpc.Fault
		if _, err := c.Call(t.Context(), "fault"); !errors.As(err, &fault) || fault.Code != 10 {
			t.Errorf("%s: got %v, want the fault", url, err)
		}
		log, err := c.Stream(t.Context(), "/logtail/a/stdout")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(log)
		log.Close()
		if string(text) != "log of /logtail/a/stdout" {
			t.Errorf("%s: got %q", url, text)
		}
	}
}

func TestWhyACallFailed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	defer server.Close()
	status := func(code int) func(error) bool {
		return func(err error) bool {
			var s *xmlrpc.StatusError
			return errors.As(err, &s) && s.Code == code
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for _, c := range []struct {
		name, url, pass string
		is              func(error) bool
	}{
		{"nobody listens", "unix://" + dead, "", is(syscall.ECONNREFUSED)},
		{"no socket", "unix://" + filepath.Join(dir, "none"), "", is(fs.ErrNotExist)},
		{"wrong password", server.URL, "wrong", status(http.StatusUnauthorized)},
	} {
		_, err := dial(t, c.url, "user", c.pass).Call(t.Context(), "echo", 1)
		if !c.is(err) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(t, server.URL, "", "").Call(over, "echo", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: got %v", err)
	}
}

func TestServerURLs(t *testing.T) {
	for _, url := range []string{"https://localhost:9001", "localhost:9001", "unix://", "http://", ""} {
		if _, err := xmlrpc.Dial(url, "", ""); err == nil || !strings.Contains(err.Error(), "cannot use server URL") {
			t.Errorf("%q: got %v", url, err)
		}
	}
}
