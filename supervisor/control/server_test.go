package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/control/controltest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(sailEnv); dir != "" {
		sail(dir) // see exec_test.go
	}
	goleak.VerifyTestMain(m)
}

// serve serves d on a socket of its own. end stops the server and returns
// what Serve returned; it is called at the end of the test anyway.
func serve(t *testing.T, d control.Daemon) (path string, end func() error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "run", "b.sock")
	l, err := control.Listen(path, 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(d, nil).Serve(ctx, l) }()
	var result *error
	end = func() error {
		cancel()
		if result == nil {
			err := <-done
			result = &err
		}
		return *result
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
	return path, end
}

func dial(t *testing.T, path string) *control.Client {
	c := control.Dial(path)
	t.Cleanup(c.Close)
	return c
}

func fleetDaemon() *controltest.Daemon {
	d := &controltest.Daemon{
		About: control.Info{Version: "1.2.3", PID: 4242, Config: "/etc/b.toml", State: "RUNNING", Enforced: "kernel"},
		Logs:  map[string]string{"queue:queue_00/stdout": "one\ntwo\nthree\n", "/stdout": "main log\n"},
	}
	for i, id := range fleet {
		s := control.Status{Name: id.Name, Group: id.Group, Program: id.Program, State: "RUNNING", PID: 100 + i}
		d.Statuses = append(d.Statuses, s)
		d.Histories = append(d.Histories, control.History{Status: s, Reasons: []control.Reason{{Kind: "crashed", Run: 1, ExitCode: 3}}})
	}
	return d
}

func TestClientMirrorsDaemon(t *testing.T) {
	d := fleetDaemon()
	d.Answers = map[string][]control.Outcome{
		"start": {{Name: "cat", Done: "started"}, {Name: "nope", Fault: control.BadName, Detail: "x"}},
		"stop":  {{Name: "cat", Done: "stopped"}},
	}
	d.Errors = map[string]error{
		"stop":     &control.Error{Fault: control.ShuttingDown, Message: "going down"},
		"shutdown": errors.New("disk on fire"),
	}
	d.Changes = control.Changes{Added: []string{"a"}}
	path, _ := serve(t, d)
	c, ctx := dial(t, path), context.Background()

	if got, err := c.Version(ctx); err != nil || got != d.About {
		t.Errorf("Version = %+v, %v", got, err)
	}
	got, bad, err := c.Status(ctx)
	if diff := cmp.Diff(d.Statuses, got); diff != "" || len(bad) != 0 || err != nil {
		t.Errorf("Status() = %v, %v\n%s", bad, err, diff)
	}
	got, bad, err = c.Status(ctx, "queue", "gone:*")
	if len(got) != 2 || cmp.Diff([]control.Outcome{{Name: "gone", Fault: control.BadGroup}}, bad) != "" || err != nil {
		t.Errorf("Status(queue) = %v, %v, %v", got, bad, err)
	}
	cat := slices.IndexFunc(d.Statuses, func(s control.Status) bool { return s.Name == "cat" })
	want := []control.Line{{Name: "cat", Group: d.Statuses[cat].Group, State: d.Statuses[cat].State,
		Description: d.Statuses[cat].Description, Enforced: d.Statuses[cat].Enforced}}
	lines, bad, err := c.Lines(ctx, "cat")
	if diff := cmp.Diff(want, lines); diff != "" || len(bad) != 0 || err != nil {
		t.Errorf("Lines(cat) = %v, %v\n%s", bad, err, diff)
	}
	lines, bad, err = c.Lines(ctx, "cat", "nope") // in full, as of a server that knows no lines
	if diff := cmp.Diff(want, lines); diff != "" || len(bad) != 1 || err != nil {
		t.Errorf("Lines(cat, nope) = %v, %v\n%s", bad, err, diff)
	}
	h, bad, err := c.History(ctx, "cat", "nope")
	if len(h) != 1 || h[0].Reasons[0].ExitCode != 3 || len(bad) != 1 || err != nil {
		t.Errorf("History = %v, %v, %v", h, bad, err)
	}
	order := control.Order{Verb: "start", Names: []string{"cat", "nope"}, NoWait: true}
	out, err := c.Do(ctx, order)
	if diff := cmp.Diff(d.Answers["start"], out); diff != "" || err != nil {
		t.Errorf("Do(start): %v\n%s", err, diff)
	}
	if diff := cmp.Diff([]control.Order{order}, d.Orders()); diff != "" {
		t.Errorf("the daemon saw (-want +got):\n%s", diff)
	}
	out, err = c.Do(ctx, control.Order{Verb: "stop", Names: []string{"cat"}})
	if len(out) != 1 || control.FaultOf(err) != control.ShuttingDown || err.Error() != "going down" {
		t.Errorf("Do(stop) = %v, %v: outcomes and refusal both have to arrive", out, err)
	}
	if _, err = c.Do(ctx, control.Order{Verb: "shutdown"}); control.FaultOf(err) != control.Failed || err.Error() != "disk on fire" {
		t.Errorf("Do(shutdown) = %v", err)
	}
	ch, err := c.Reread(ctx)
	if want := (control.Changes{Added: []string{"a"}, Changed: []string{}, Removed: []string{}}); cmp.Diff(want, ch) != "" || err != nil {
		t.Errorf("Reread = %+v, %v", ch, err)
	}
	d.Errors["reread"] = &control.Error{Fault: control.CantReread, Message: "b.toml:3: no"}
	if _, err = c.Reread(ctx); control.FaultOf(err) != control.CantReread || err.Error() != "b.toml:3: no" {
		t.Errorf("Reread = %v", err)
	}
}

func TestTail(t *testing.T) {
	d := fleetDaemon()
	path, _ := serve(t, d)
	c := dial(t, path)
	for _, tt := range []struct {
		name, channel string
		n             int64
		want          string
		fault         control.Fault
	}{
		{"queue:queue_00", "stdout", 6, "three\n", ""},
		{"queue:queue_00", "stdout", 1600, "one\ntwo\nthree\n", ""},
		{"queue:queue_00", "stdout", 0, "", ""},
		{"", "stdout", 1600, "main log\n", ""},
		{"cat", "stderr", 1600, "", control.NoFile},
		{"nope", "stdout", 1600, "", control.BadName},
		{"cat", "stdin", 1600, "", control.BadArguments},
		{"cat", "stdout", -1, "", control.BadArguments},
	} {
		r, err := c.Tail(context.Background(), tt.name, tt.channel, tt.n, false)
		if control.FaultOf(err) != tt.fault {
			t.Errorf("Tail(%q, %q): %v, want %q", tt.name, tt.channel, err, tt.fault)
		}
		if err != nil {
			continue
		}
		text, err := io.ReadAll(r)
		r.Close()
		if string(text) != tt.want || err != nil {
			t.Errorf("Tail(%q, %d) = %q, %v, want %q", tt.name, tt.n, text, err, tt.want)
		}
	}
}

// A client that goes away is noticed while nothing is being written to it.
func TestDeadFollowerIsNoticed(t *testing.T) {
	d := fleetDaemon()
	path, _ := serve(t, d)
	c := dial(t, path)
	r, err := c.Tail(context.Background(), "queue:queue_00", "stdout", 4, true)
	if err != nil {
		t.Fatal(err)
	}
	conn := rawGet(t, path, "/v1/events?follow=1")
	if !d.Until(t.Context(), func() bool { return d.Followers() == 2 }) {
		t.Fatal("two followers never came")
	}
	r.Close()
	conn.Close()
	if !d.Until(t.Context(), func() bool { return d.Followers() == 0 }) {
		t.Fatal("the followers are still there")
	}
}

func TestDeadClientEndsItsOrder(t *testing.T) {
	d := &controltest.Daemon{Block: true}
	path, _ := serve(t, d)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := dial(t, path).Do(ctx, control.Order{Verb: "stop", Names: []string{"all"}})
		done <- err
	}()
	d.Until(t.Context(), func() bool { return len(d.Orders()) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v", err)
	} // and the server ends at once: its handler saw the client go
}

func TestEvents(t *testing.T) {
	d := fleetDaemon()
	path, end := serve(t, d)
	c := dial(t, path)
	d.Emit(control.Event{Kind: "state", Message: "one"})
	d.Emit(control.Event{Kind: "state", Message: "two"})
	collect := func(after uint64) (got []string) {
		if err := c.Events(context.Background(), after, false, func(e control.Event) error {
			got = append(got, e.Message)
			return nil
		}); err != nil {
			t.Errorf("Events(%d): %v", after, err)
		}
		return got
	}
	if diff := cmp.Diff([]string{"one", "two"}, collect(0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"two"}, collect(1)); diff != "" {
		t.Error(diff)
	}
	var followed []uint64
	stopped := errors.New("enough")
	if err := c.Events(context.Background(), 1, true, func(e control.Event) error {
		followed = append(followed, e.Serial)
		if e.Serial == 5 {
			return stopped
		}
		d.Emit(control.Event{}) // each is delivered before the next exists: flushed by itself
		return nil
	}); err != stopped {
		t.Errorf("Events = %v", err)
	}
	if diff := cmp.Diff([]uint64{2, 3, 4, 5}, followed); diff != "" {
		t.Error(diff)
	}
	// The server's end ends a follower without an error.
	over := make(chan error)
	began := make(chan bool, 1)
	go func() {
		over <- c.Events(context.Background(), 4, true, func(control.Event) error { began <- true; return nil })
	}()
	<-began
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := <-over; err != nil {
		t.Errorf("the follower got %v", err)
	}
}

// A reader that stops reading costs neither the daemon nor the others
// anything, gets everything still in memory when it goes on, and does not hold
// up the end.
func TestSlowReader(t *testing.T) {
	d := fleetDaemon()
	path, end := serve(t, d)
	slow := rawGet(t, path, "/v1/events?follow=1")
	defer slow.Close()
	stuck := rawGet(t, path, "/v1/events?follow=1")
	defer stuck.Close()
	d.Until(t.Context(), func() bool { return d.Followers() == 2 })
	const n = 3000
	long := strings.Repeat("x", 4000) // 12 MB in all: more than a socket holds
	for range n {
		d.Emit(control.Event{Kind: "state", Message: long})
	}
	if got, _, err := dial(t, path).Status(context.Background()); err != nil || len(got) != len(fleet) {
		t.Errorf("Status beside a slow reader: %d, %v", len(got), err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(resp.Body)
	for want := uint64(1); want <= n; want++ {
		var e control.Event
		if err := dec.Decode(&e); err != nil || e.Serial != want {
			t.Fatalf("event %d, %v, want %d", e.Serial, err, want)
		}
	}
	if err := end(); err != nil { // stuck has not read a byte
		t.Error(err)
	}
}

func rawGet(t *testing.T, path, target string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestRefusals(t *testing.T) {
	d := fleetDaemon()
	h := control.NewServer(d, nil).Handler()
	for _, tt := range []struct {
		method, target, body string
		code                 int
		err                  string
	}{
		{"GET", "/", "", 404, `no such path "/"`},
		{"GET", "/v2/status", "", 404, `no such path "/v2/status"`},
		{"GET", "/v1/status/", "", 404, `no such path "/v1/status/"`},
		{"GET", "//v1//status", "", 404, `no such path "//v1//status"`},
		{"GET", "/v1/../v1/status", "", 404, `no such path "/v1/../v1/status"`},
		{"POST", "/v1/status", "", 405, `/v1/status takes GET, not "POST"`},
		{"HEAD", "/v1/events", "", 405, `/v1/events takes GET, not "HEAD"`},
		{"GET", "/v1/order", "", 405, `/v1/order takes POST, not "GET"`},
		{"GET", "/v1/status?nmae=a", "", 400, `unknown parameter "nmae", want name`},
		{"GET", "/v1/version?x=1", "", 400, `unknown parameter "x", want none`},
		{"GET", "/v1/status?name=", "", 400, `"" is no name`},
		{"GET", "/v1/status?name=a%0ab", "", 400, `"a\nb" is no name`},
		{"GET", "/v1/status?%zz", "", 400, `cannot read query: invalid URL escape "%zz"`},
		{"GET", "/v1/why", "", 400, `why needs a name`},
		{"GET", "/v1/oom?n=-1", "", 400, `parameter n is "-1", want a number from 0`},
		{"GET", "/v1/events?after=-1", "", 400, `parameter after is "-1", want a number from 0`},
		{"GET", "/v1/events?follow=yes", "", 400, `parameter follow is "yes", want 0 or 1`},
		{"GET", "/v1/tail?bytes=9999999999999999999", "", 400, `parameter bytes is "9999999999999999999", want a number from 0`},
		{"GET", "/v1/tail?name=a&name=b", "", 400, `tail takes one name, not 2`},
		{"GET", "/v1/tail?name=nope", "", 404, `cannot tail "nope": BAD_NAME`},
		{"POST", "/v1/order", ``, 400, `cannot read order: empty body`},
		{"POST", "/v1/order", `{"verb":`, 400, `cannot read order: JSON ends early`},
		{"POST", "/v1/order", `null`, 400, `cannot read order: unknown verb ""`},
		{"POST", "/v1/order", `[]`, 400, `cannot read order: want a JSON object, not array`},
		{"POST", "/v1/order", `{"verb":"stop","names":["a"],"force":true}`, 400, `cannot read order: unknown field "force"`},
		{"POST", "/v1/order", `{"verb":"stop","names":"a"}`, 400, `cannot read order: field "names" cannot be string`},
		{"POST", "/v1/order", `{"verb":"stop","names":["a"]} {}`, 400, `cannot read order: more than one JSON value`},
		{"POST", "/v1/order", `{"verb":"stpo"}`, 400, `cannot read order: unknown verb "stpo", want one of clear, pause, profile, recycle`},
		{"POST", "/v1/order", `{"verb":"stop"}`, 400, `cannot read order: stop needs a name`},
		{"POST", "/v1/order", `{"verb":"stop","names":["a b"]}`, 400, `cannot read order: "a b" is no name`},
		{"POST", "/v1/order", `{"verb":"stop","names":["a"],"count":1}`, 400, `cannot read order: stop takes no "count"`},
		{"POST", "/v1/order", `{"verb":"stop","names":["a"],"rolling":true}`, 400, `cannot read order: stop takes no "rolling"`},
		{"POST", "/v1/order", `{"verb":"start","names":["a"],"now":true}`, 400, `cannot read order: start takes no "now"`},
		{"POST", "/v1/order", `{"verb":"start","names":["a"],"signal":"HUP"}`, 400, `cannot read order: start takes no "signal"`},
		{"POST", "/v1/order", `{"verb":"signal","names":["a"]}`, 400, `cannot read order: signal needs a signal`},
		{"POST", "/v1/order", `{"verb":"signal","names":["a"],"signal":"H\u0000"}`, 400, `cannot read order: signal "H\x00" is no signal's name`},
		{"POST", "/v1/order", `{"verb":"scale","names":["a","b"],"count":1}`, 400, `cannot read order: scale takes one name, not 2`},
		{"POST", "/v1/order", `{"verb":"scale","names":["a"],"count":-1}`, 400, `cannot read order: count -1 is not in 0 to 10000`},
		{"POST", "/v1/order", `{"verb":"scale","names":["a"],"count":1.5}`, 400, `cannot read order: field "count" cannot be number 1.5`},
		{"POST", "/v1/order", `{"verb":"shutdown","names":["a"]}`, 400, `cannot read order: shutdown takes no names`},
		{"POST", "/v1/order", `{"verb":"restart","names":["a"],"now":true,"rolling":true}`, 400, `cannot read order: rolling and now exclude each other`},
		{"POST", "/v1/order", `{"verb":"` + strings.Repeat("x", 2<<20) + `"}`, 413, `cannot read order: more than 1048576 bytes: http: request body too large`},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, "http://x/", strings.NewReader(tt.body))
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(tt.target, "?")
		h.ServeHTTP(w, r)
		var got struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s %.60s: no JSON: %q", tt.method, tt.target, w.Body)
		}
		if w.Code != tt.code || !strings.HasPrefix(got.Error, tt.err) {
			t.Errorf("%s %.60s %.60s\n got %d %s\nwant %d %s", tt.method, tt.target, tt.body, w.Code, got.Error, tt.code, tt.err)
		}
	}
	if n := len(d.Orders()); n != 0 {
		t.Errorf("the daemon saw %d orders", n)
	}
}

// Another handler on the same mux, which is how XML-RPC comes to it.
func TestHandle(t *testing.T) {
	s := control.NewServer(fleetDaemon(), nil)
	s.Handle("/logtail/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/logtail/queue:queue_00/stdout", nil))
	if w.Code != 200 || w.Body.String() != "/logtail/queue:queue_00/stdout" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestServeFailedListener(t *testing.T) {
	l, err := control.Listen(filepath.Join(t.TempDir(), "s"), 0o600, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := control.NewServer(fleetDaemon(), nil).Serve(context.Background(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v", err)
	}
}
