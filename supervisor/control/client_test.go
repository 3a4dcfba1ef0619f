package control_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"bulkhead/supervisor/control"
)

// answering listens and answers every connection with the same text.
func answering(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1024))
			fmt.Fprint(c, text)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return path
}

func TestUnreachable(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	dead(t, stale)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		cause      control.Cause
		want       string
	}{
		{"nothing there", filepath.Join(dir, "no"), control.NoSocket, "is bulkhead serve running?"},
		{"no directory", filepath.Join(dir, "no", "no"), control.NoSocket, "is bulkhead serve running?"},
		{"below a file", filepath.Join(file, "no"), control.NoSocket, "is bulkhead serve running?"},
		{"stale", stale, control.Refused, "is bulkhead serve running?"},
		{"a plain file", file, control.Refused, "is bulkhead serve running?"},
		{"another protocol", answering(t, "220 smtp\r\n"), control.NotBulkhead, "it does not speak bulkhead's protocol"},
		{"another server", answering(t, "HTTP/1.1 200 OK\r\nServer: Medusa/1.12\r\nContent-Length: 2\r\n\r\n{}"), control.NotBulkhead,
			`it does not speak bulkhead's protocol (it says it is "Medusa/1.12")`},
		{"another version", answering(t, "HTTP/1.1 200 OK\r\nBulkhead-Protocol: v9\r\nContent-Length: 2\r\n\r\n{}"), control.NotBulkhead,
			`it speaks version "v9" of bulkhead's protocol, not "v1"`},
		{"silence", answering(t, ""), control.Broken, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dial(t, tt.path).Version(context.Background())
			var dead *control.UnreachableError
			if !errors.As(err, &dead) || dead.Cause != tt.cause || err.Error() != "cannot reach unix://"+tt.path+": "+tt.want {
				t.Errorf("got  %v\nwant cannot reach unix://%s: %s", err, tt.path, tt.want)
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	head := "HTTP/1.1 %s\r\nBulkhead-Protocol: v1\r\nContent-Length: %d\r\n\r\n%s"
	for _, tt := range []struct{ status, body, want string }{
		{"200 OK", "nonsense", "invalid character 'o' in literal null (expecting 'u')"},
		{"500 Oops", "nonsense", "500 Oops"},
		{"500 Oops", "{}", "500 Oops"},
	} {
		path := answering(t, fmt.Sprintf(head, tt.status, len(tt.body), tt.body))
		_, err := dial(t, path).Version(context.Background())
		if want := "cannot read answer from unix://" + path + ": " + tt.want; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestCutTailIsNoWholeTail(t *testing.T) {
	path := answering(t, "HTTP/1.1 200 OK\r\nBulkhead-Protocol: v1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	r, err := dial(t, path).Tail(context.Background(), "a", "stdout", 10, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 100)
	for err == nil {
		_, err = r.Read(buf)
	}
	if errors.Is(err, http.ErrBodyReadAfterClose) || err.Error() != "unexpected EOF" {
		t.Errorf("a log cut in the middle ends with %v", err)
	}
}
