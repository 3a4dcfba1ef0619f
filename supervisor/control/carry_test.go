package control_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
)

// harbor is a ship with its server, which can be replaced by a successor in
// the same process as an exec would: what the old one still does after it was
// frozen reaches nobody.
type harbor struct {
	t    *testing.T
	path string
	ship *ship
	srv  *control.Server
	l    *net.UnixListener
	end  func()
}

func newHarbor(t *testing.T) *harbor {
	h := &harbor{t: t, path: filepath.Join(t.TempDir(), "s")}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	h.open(newHold(t), l, nil)
	t.Cleanup(func() { h.end() })
	return h
}

func (h *harbor) open(state hold, l *net.UnixListener, carried []control.Carried) {
	l.SetUnlinkOnClose(false)
	ctx, cancel := context.WithCancel(context.Background())
	h.ship, h.l = newShip(ctx, state), l
	h.srv = control.NewServer(h.ship, nil)
	if err := h.srv.Carry(carried); err != nil {
		h.t.Error(err)
	}
	done := make(chan error, 1)
	srv := h.srv
	go func() { done <- srv.Serve(ctx, l) }()
	h.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) { // closed by handOver
			h.t.Errorf("Serve returned %v", err)
		}
	})
}

// handOver replaces the server.
func (h *harbor) handOver() {
	t, old, end, l := h.t, h.ship, h.end, h.l
	old.mu.Lock()
	carried := h.srv.Freeze()
	var next hold
	copyJSON(t, &next, old.state)
	next.Image++
	var taken []control.Carried
	copyJSON(t, &taken, carried)
	for i := range taken {
		taken[i].FD = takeAway(t, taken[i].FD)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	successor, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	frozen := h.srv
	h.open(next, successor.(*net.UnixListener), taken)
	l.Close()
	old.mu.Unlock()
	frozen.Thaw()
	go end()
	h.t.Cleanup(end)
}

func copyJSON(t *testing.T, to, from any) {
	t.Helper()
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// takeAway returns a duplicate of fd and leaves a dead connection at fd.
func takeAway(t *testing.T, fd int) int {
	t.Helper()
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[1])
	defer unix.Close(pair[0])
	forgetInPoller(t, fd)
	if err := unix.Dup3(pair[0], fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return dup
}

// forgetInPoller takes fd out of the runtime's epoll, which knows the open file by it
// and would refuse the file under the number of an earlier duplicate.
func forgetInPoller(t *testing.T, fd int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); to == "anon_inode:[eventpoll]" {
			n, _ := strconv.Atoi(e.Name())
			_ = unix.EpollCtl(n, unix.EPOLL_CTL_DEL, fd, nil)
		}
	}
}

func connect(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answerOf reads one answer and returns its code and body.
func answerOf(t *testing.T, r *bufio.Reader) (int, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A request that is cut anywhere by the change of hands is answered as if it
// had come whole, and so are those sent ahead of the answer.
func TestRequestsAcrossHandover(t *testing.T) {
	t.Parallel()
	stop := `{"verb":"stop","names":["%s"],"no_wait":true}`
	order := func(name string) string {
		text := fmt.Sprintf(stop, name)
		return fmt.Sprintf("POST /v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
	chunked := func(name string) string {
		text := fmt.Sprintf(stop, name)
		return fmt.Sprintf("POST /v1/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Trailer: y\r\n\r\n",
			text[:5], len(text)-5, text[5:])
	}
	status := "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
	h := newHarbor(t)
	orders := 0
	talk := func(cuts ...int) {
		a, b := fmt.Sprintf("a%d", orders), fmt.Sprintf("b%d", orders)
		orders++
		text := order(a) + status + chunked(b) + "GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
		c := connect(t, h.path)
		defer c.Close()
		said := 0
		for _, cut := range append(cuts, len(text)) {
			cut = min(cut, len(text))
			if _, err := io.WriteString(c, text[said:cut]); err != nil {
				t.Fatal(err)
			}
			said = cut
			if cut < len(text) {
				h.handOver()
			}
		}
		r := bufio.NewReader(c)
		for _, want := range []struct {
			code int
			part string
		}{{200, `{"outcomes":[{"name":"` + a}, {200, `{"statuses":[]`}, {200, `{"outcomes":[{"name":"` + b}, {404, "no such path"}} {
			if code, body := answerOf(t, r); code != want.code || !strings.Contains(body, want.part) {
				t.Fatalf("cut at %v: %d %q, want %d %q", cuts, code, body, want.code, want.part)
			}
		}
		if r.Buffered() > 0 {
			t.Fatalf("cut at %v: more than was asked for", cuts)
		}
		h.ship.mu.Lock()
		defer h.ship.mu.Unlock()
		if h.ship.state.Taken[a] != 1 || h.ship.state.Taken[b] != 1 {
			t.Fatalf("cut at %v: orders taken %d and %d times", cuts, h.ship.state.Taken[a], h.ship.state.Taken[b])
		}
	}
	step := 7
	if testing.Short() {
		step = 31
	}
	for cut := 1; cut < 620; cut += step {
		talk(cut)
	}
	talk(10, 60, 130, 131, 200, 300, 301, 302, 400, 480)
}

// What is on its way to a client that reads slowly arrives whole.
func TestSlowReaderAcrossHandover(t *testing.T) {
	t.Parallel()
	h := newHarbor(t)
	name := strings.Repeat("n", 500)
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("%s%d", name, i))
	}
	ctx := t.Context()
	text, _ := json.Marshal(control.Order{Verb: "stop", Names: []string{"big"}})
	c := connect(t, h.path)
	fmt.Fprintf(c, "POST /v1/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if !h.ship.until(ctx, func() bool { return h.ship.state.Taken["big"] == 1 }) {
		t.Fatal("never taken")
	}
	for range 3 {
		h.handOver()
	}
	h.ship.release("big")
	if code, body := answerOf(t, bufio.NewReader(c)); code != 200 || !strings.Contains(body, `"done":"stopped"`) {
		t.Errorf("%d %q", code, body)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the answer to Connection: close: %v", err)
	}
	// More than the socket holds: part of the answer changes hands.
	c = connect(t, h.path)
	fmt.Fprintf(c, "GET /v1/status?name=%s HTTP/1.1\r\nHost: x\r\n\r\n", strings.Join(names[:100], "&name="))
	for range 3000 {
		fmt.Fprint(c, "GET /v1/status?name=x HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	h.handOver()
	h.handOver()
	r := bufio.NewReader(c)
	if _, body := answerOf(t, r); strings.Count(body, name) != 100 {
		t.Errorf("first: %.100q", body)
	}
	for i := range 3000 {
		if code, body := answerOf(t, r); code != 200 || body != `{"statuses":[],"bad":[{"name":"x","done":"","fault":"BAD_NAME"}]}`+"\n" {
			t.Fatalf("%d: %d %q", i, code, body)
		}
	}
}

// follower is a client that follows both streams.
type follower struct {
	sync.WaitGroup
	mu   sync.Mutex
	come *sync.Cond
	line int // the last it has read
}

func (f *follower) read(n int) {
	f.mu.Lock()
	f.line = n
	f.mu.Unlock()
	f.come.Broadcast()
}

// reaches waits until line n has been read. A reader further behind than logs are
// kept loses what was rotated away, as it must.
func (f *follower) reaches(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.line < n {
		f.come.Wait()
	}
}

// followed checks a client's streams: events and lines without a gap.
func followed(ctx context.Context, t *testing.T, path string, last int) *follower {
	c := dial(t, path)
	wg := &follower{}
	wg.come = sync.NewCond(&wg.mu)
	enough := errors.New("enough")
	wg.Go(func() {
		next := uint64(1)
		err := c.Events(ctx, 0, true, func(e control.Event) error {
			if e.Serial != next {
				return fmt.Errorf("event %d, want %d", e.Serial, next)
			}
			if next++; e.Serial == uint64(last) {
				return enough
			}
			return nil
		})
		if err != enough {
			t.Errorf("events ended after %d: %v", next-1, err)
		}
	})
	log, err := c.Tail(ctx, "a", "stdout", 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		defer log.Close()
		defer wg.read(last) // whatever came of it, nobody waits for more
		lines := bufio.NewScanner(log)
		for n := 1; n <= last; n++ {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), fmt.Sprintf("line %d of image ", n)) {
				t.Errorf("line %q, %v, want line %d", lines.Text(), lines.Err(), n)
				return
			}
			wg.read(n)
		}
	})
	return wg
}

// Streams go on where they were, across rotation, several times in a row.
func TestStreamsAcrossHandover(t *testing.T) {
	t.Parallel()
	h := newHarbor(t)
	rounds, each := 30, 40
	wg := followed(t.Context(), t, h.path, rounds*each)
	followed10 := []*follower{wg}
	for range 3 {
		followed10 = append(followed10, followed(t.Context(), t, h.path, rounds*each))
	}
	old := rawGet(t, h.path, "/v1/events?follow=1")
	defer old.Close()
	one := connect(t, h.path)
	fmt.Fprint(one, "GET /v1/events?follow=1 HTTP/1.0\r\n\r\n")
	for round := range rounds {
		for _, f := range followed10 {
			f.reaches((round - 1) * each)
		}
		for range each {
			if err := h.ship.emit(); err != nil {
				t.Fatal(err)
			}
		}
		h.handOver()
	}
	for _, wg := range followed10 {
		wg.Wait()
	}
	// The bytes themselves, HTTP/1.0's as well, which has no chunks.
	for name, r := range map[string]io.Reader{"1.0": one, "1.1": old} {
		resp, err := http.ReadResponse(bufio.NewReader(r), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(resp.Body)
		for n := uint64(1); n <= uint64(rounds*each); n++ {
			var e control.Event
			if err := d.Decode(&e); err != nil || e.Serial != n {
				t.Fatalf("HTTP/%s: event %d, %v, want %d", name, e.Serial, err, n)
			}
		}
	}
}

// A server that was frozen and thawed has lost, doubled and harmed nothing.
func TestThaw(t *testing.T) {
	h := newHarbor(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	asked := make([]int, 8)
	for i := range asked {
		c := dial(t, h.path)
		wg.Go(func() {
			for ; ctx.Err() == nil; asked[i]++ {
				name := fmt.Sprintf("o%d-%d", i, asked[i])
				out, err := c.Do(context.Background(), control.Order{Verb: "stop", Names: []string{name}, NoWait: true})
				if err != nil || len(out) != 1 || out[0].Name != name {
					t.Errorf("%s: %v, %v", name, out, err)
					return
				}
				c.Close() // now and then a new connection
			}
		})
	}
	streams := followed(t.Context(), t, h.path, 300)
	for range 300 {
		if err := h.ship.emit(); err != nil {
			t.Fatal(err)
		}
		h.srv.Freeze()
		h.srv.Thaw()
	}
	streams.Wait()
	cancel()
	wg.Wait()
	h.ship.mu.Lock()
	defer h.ship.mu.Unlock()
	sum := 0
	for _, n := range asked {
		sum += n
	}
	if len(h.ship.state.Taken) != sum || sum == 0 {
		t.Errorf("%d orders taken, %d given", len(h.ship.state.Taken), sum)
	}
	for name, n := range h.ship.state.Taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", name, n)
		}
	}
}

// While frozen, nothing is said, and what arrives is left to the successor.
func TestFrozen(t *testing.T) {
	h := newHarbor(t)
	c := connect(t, h.path)
	fmt.Fprint(c, "POST /v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	var all []control.Carried
	for len(all) == 0 || !bytes.HasSuffix(all[0].Input, []byte("{")) {
		all = h.srv.Freeze()
		h.srv.Thaw()
	}
	h.srv.Freeze()
	late := connect(t, h.path)
	fmt.Fprint(late, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
	fmt.Fprint(c, strings.Repeat(" ", 999))
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a frozen server said something: %d, %v", n, err)
	}
	c.SetReadDeadline(time.Time{})
	h.srv.Thaw()
	if code, body := answerOf(t, bufio.NewReader(c)); code != 400 || !strings.Contains(body, "JSON ends early") {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := answerOf(t, bufio.NewReader(late)); code != 200 {
		t.Errorf("%d", code)
	}
}

// What cannot be carried on says so and hurts nobody.
func TestCarryNonsense(t *testing.T) {
	s := control.NewServer(fleetDaemon(), nil)
	err := s.Carry([]control.Carried{{FD: 1 << 20}, {FD: -1}})
	if err == nil || !strings.Contains(err.Error(), "cannot carry connection 1048576 on") || !strings.Contains(err.Error(), "cannot carry connection -1 on") {
		t.Errorf("%v", err)
	}
	// Begun by a handler that cannot go on; an answer to a request of another image.
	for _, was := range []control.Carried{
		{Begun: true, Input: []byte("GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")},
		{Begun: true, Note: json.RawMessage(`{}`), Input: []byte("GET /v1/tail?name=nope&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")},
		{Last: true, Output: []byte("bye")},
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		was.FD = pair[0]
		if err := s.Carry([]control.Carried{was}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := unix.Read(pair[1], buf)
		if string(buf[:max(0, n)]) != string(was.Output) {
			t.Errorf("%+v: read %q, %v", was, buf[:max(0, n)], err)
		}
		unix.Close(pair[1])
	}
}
