package control_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/supervisor/control"
)

// What a connection may bring, beside what our client says.
func TestWire(t *testing.T) {
	path, _ := serve(t, fleetDaemon())
	version := "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
	order := `{"verb":"start","names":["cat"]}`
	for _, tt := range []struct {
		name, said string
		codes      []int
		bodies     []string
		closed     bool
	}{
		{"two at once", version + version, []int{200, 200}, []string{`"version":"1.2.3"`, `"version":"1.2.3"`}, false},
		{"empty lines first", "\r\n\r\n" + version, []int{200}, []string{`"version":"1.2.3"`}, false},
		{"no request", "HELO there\r\n\r\n", []int{400}, []string{`malformed request: `}, true},
		{"another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400}, []string{"cannot speak HTTP/2.0"}, true},
		{"a header too large", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 200_000) + "\r\n\r\n", []int{431}, []string{"header is larger than 65536 bytes"}, true},
		{"HEAD", "HEAD /v1/version HTTP/1.1\r\nHost: x\r\n\r\n" + version, []int{405, 200}, []string{"", `"version"`}, false},
		{"an unread body", "POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + version, []int{404, 200}, []string{"no such path", `"version"`}, false},
		{"a body too large", "POST /v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + strings.Repeat(" ", 3_000_000), []int{413}, []string{"more than 1048576 bytes"}, true},
		{"a body of nonsense", "POST /v1/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + version, []int{400}, []string{"cannot read order"}, true},
		{"continue", fmt.Sprintf("POST /v1/order HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(order), order), []int{100, 200}, []string{"", `"outcomes":[]`}, false},
		{"close", strings.Replace(version, "Host", "Connection: close\r\nHost", 1) + version, []int{200}, []string{`"version"`}, true},
		{"1.0", "GET /v1/version HTTP/1.0\r\n\r\n", []int{200}, []string{`"version"`}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, path).(*net.UnixConn)
			go io.WriteString(c, tt.said)
			r := bufio.NewReader(c)
			for i, code := range tt.codes {
				method := "GET"
				if i == 0 && tt.name == "HEAD" {
					method = "HEAD"
				}
				resp, err := http.ReadResponse(r, &http.Request{Method: method})
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != code || !strings.Contains(string(body), tt.bodies[i]) || code > 100 && resp.Header.Get("Bulkhead-Protocol") != "v1" {
					t.Fatalf("answer %d: %s %q %v, want %d %q", i, resp.Status, body, err, code, tt.bodies[i])
				}
			}
			if tt.closed {
				if b, err := r.ReadByte(); err != io.EOF {
					t.Errorf("not closed: %q, %v", b, err)
				}
				return
			}
			if _, err := io.WriteString(c, version); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil { // as "nc -N"
				t.Fatal(err)
			}
			if code, _ := answerOf(t, r); code != 200 {
				t.Errorf("afterwards: %d", code)
			}
		})
	}
}

// A handler that panics costs its connection, and is complained about.
func TestPanickingHandler(t *testing.T) {
	var complaints bytes.Buffer
	s := control.NewServer(fleetDaemon(), log.New(&complaints, "", 0))
	s.Handle("/boom", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	s.Handle("/abort", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	path := filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(t.Context(), l) }()
	for _, target := range []string{"/boom", "/abort"} {
		c := rawGet(t, path, target)
		if text, err := io.ReadAll(c); len(text) > 0 || err != nil {
			t.Errorf("%s: %q, %v", target, text, err)
		}
		c.Close()
	}
	l.Close()
	if err := <-done; err == nil {
		t.Error("Serve ended without a word")
	}
	if got := complaints.String(); strings.Count(got, "panic serving") != 1 || !strings.Contains(got, "panic serving /boom: boom\n") {
		t.Errorf("complaints: %q", got)
	}
}
