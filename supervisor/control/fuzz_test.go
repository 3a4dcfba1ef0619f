package control_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// FuzzOrder sends a body to POST /v1/order: the answer is always JSON and the
// daemon only ever sees an order of good form.
func FuzzOrder(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `"stop"`, `{"verb":"stop","names":["a"]}`, `{"verb":"stop","names":["a"]}{}`,
		`{"verb":"signal","names":["queue:*"],"signal":"USR2"}`, `{"verb":"scale","names":["queue"],"count":9}`,
		`{"VERB":"shutdown"}`, `{"verb":"update","names":["all"],"no_wait":true}`, `{"verb":"restart","names":["a"],"rolling":true}`,
		`{"verb":"stop","names":["a"],"now":true,"now":false}`, `{"verb":"stop","names":["\ud800"]}`, "{\"verb\":\"stop\",\"names\":[\"\xff\"]}",
		strings.Repeat(`[`, 20000), `{"verb":"scale","names":["a"],"count":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	d := fleetDaemon()
	h := control.NewServer(d, nil).Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		before := len(d.Orders())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/order", strings.NewReader(string(body))))
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("no JSON: %d %q", w.Code, w.Body)
		}
		seen := d.Orders()[before:]
		if (w.Code == 200) != (len(seen) == 1) {
			t.Fatalf("code %d, and the daemon saw %d orders", w.Code, len(seen))
		}
		for _, o := range seen {
			if err := o.Check(); err != nil {
				t.Fatalf("the daemon saw %+v: %v", o, err)
			}
		}
	})
}

// FuzzRequest sends any method, path and query.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/status", "name=queue")
	f.Add("GET", "/v1/tail", "name=queue:queue_00&bytes=4")
	f.Add("GET", "/v1/events", "after=1")
	f.Add("POST", "/v1/reread", "")
	f.Add("CONNECT", "/v1/../x", "%zz;a=b")
	d := fleetDaemon()
	h := control.NewServer(d, nil).Handler()
	f.Fuzz(func(t *testing.T, method, path, query string) {
		if values, _ := url.ParseQuery(query); values.Get("follow") == "1" {
			return // a recorder never goes away
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		h.ServeHTTP(w, r)
		switch w.Header().Get("Content-Type") {
		case "application/json":
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("no JSON: %d %q", w.Code, w.Body)
			}
		case "application/x-ndjson", "application/octet-stream":
		default:
			t.Fatalf("%d %q %q", w.Code, w.Header(), w.Body)
		}
	})
}

// FuzzConnection says anything on a connection that changes hands somewhere in
// it: what comes back is a row of whole answers and then the end.
func FuzzConnection(f *testing.F) {
	get := "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
	f.Add([]byte(get+get), 50, []byte(nil))
	f.Add([]byte("POST /v1/order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ver\r\n0\r\n\r\n"+get), 70, []byte(`"x"`))
	f.Add([]byte("GET /v1/events?follow=1 HTTP/1.0\r\n\r\n"), 3, []byte(`{}`))
	f.Add([]byte("GET /v1/tail?name=cat&at={}&read=9&follow=1 HTTP/1.1\r\n\r\n"), 3, []byte(`1`))
	f.Add([]byte("HEAD /v1/tail HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"), 3, []byte(`1`))
	s := control.NewServer(fleetDaemon(), nil)
	f.Fuzz(func(t *testing.T, said []byte, cut int, note []byte) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(pair[1]), "client")
		defer file.Close()
		client, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		cut = min(max(cut, 0), len(said))
		was := control.Carried{FD: pair[0], Input: slices.Clone(said[:cut])}
		if json.Valid(note) {
			was.Note = note
		}
		if err := s.Carry([]control.Carried{was}); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = client.Write(said[cut:]) // which may be hung up on
			_ = client.(*net.UnixConn).CloseWrite()
		}()
		r := bufio.NewReader(client)
		for {
			if _, err := r.Peek(1); err != nil {
				return // the end, in order or, over unread input, of a reset
			}
			resp, err := http.ReadResponse(r, &http.Request{Method: "GET"})
			if err != nil {
				t.Fatalf("%q was answered with no answer: %v", said, err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil && !bytes.Contains(said, []byte("HEAD ")) {
				t.Fatalf("%q was answered in part: %v", said, err)
			} else if err != nil {
				return
			}
		}
	})
}
