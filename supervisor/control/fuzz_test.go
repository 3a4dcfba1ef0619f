package control_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
