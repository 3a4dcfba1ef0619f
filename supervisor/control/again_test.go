package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// told collects what a follower says to the user.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (l *told) say(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, s)
}

func (l *told) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// A supervisor that is killed: followers find the next one, orders in hand say
// what may have become of them.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, sailFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	kill := launch(t, dir)
	c, ctx := dial(t, path), t.Context()
	ordered := make(chan error, 1)
	go func() {
		_, err := c.Do(ctx, control.Order{Verb: "stop", Names: []string{"slow"}})
		ordered <- err
	}()

	var events, log told
	tail, err := c.FollowTail(ctx, "a", "stdout", 0, log.say)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	seen, ended := make(chan bool, 1), make(chan error, 1)
	enough := errors.New("enough")
	go func() {
		last, restarted := uint64(0), false
		ended <- c.FollowEvents(ctx, 0, func(e control.Event) error {
			if e.Serial == 20 && !restarted {
				seen <- true
			}
			if e.Serial != last+1 && e.Serial != 1 {
				return fmt.Errorf("event %d after %d", e.Serial, last)
			}
			restarted = restarted || e.Serial < last
			if last = e.Serial; restarted && e.Serial == 20 {
				return enough
			}
			return nil
		}, events.say)
	}()
	<-seen
	kill()
	var away *control.UnreachableError
	if err := <-ordered; !errors.As(err, &away) || away.Cause != control.Lost || !strings.Contains(err.Error(), "it may have been taken") {
		t.Errorf("the order in hand: %v", err)
	}
	launch(t, dir)
	if err := <-ended; err != enough {
		t.Errorf("events: %v\n%s", err, events.text())
	}
	if want := "looking for the next one\nthe supervisor is back (pid 1)\nits events are numbered anew; some may be missing"; !strings.HasSuffix(events.text(), want) {
		t.Errorf("said of the events:\n%s\nwant\n%s", events.text(), want)
	}
	// The ship counts its lines anew after a crash, so 1 follows exactly once, on the
	// last number of the first; it is the same file, or the one it became.
	before, n, image, crashes := 0, 0, 0, 0
	for lines := bufio.NewScanner(tail); crashes == 0 || n < 50; before = n {
		if !lines.Scan() {
			t.Fatalf("the log ended after %d: %v", n, lines.Err())
		}
		if _, err := fmt.Sscanf(lines.Text(), "line %d of image %d", &n, &image); err != nil {
			t.Fatalf("line %q after %d", lines.Text(), before)
		}
		switch {
		case n == 1 && before > 0:
			crashes++
		case before > 0 && n != before+1:
			t.Fatalf("line %q after %d\n%s", lines.Text(), before, log.text())
		}
	}
	if crashes != 1 || strings.Contains(log.text(), "missing") {
		t.Errorf("%d new beginnings; said of the log:\n%s", crashes, log.text())
	}
}

// FollowEvents finds its place by what the next supervisor still has.
func TestEventsOfTheNext(t *testing.T) {
	before := time.Now()
	event := func(n uint64, at time.Duration) string {
		text, err := json.Marshal(control.Event{Serial: n, At: before.Add(at)})
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + "\n"
	}
	for name, tt := range map[string]struct {
		next []string
		want string
	}{
		"goes on":         {[]string{event(1, 0), event(2, 1), event(3, 2)}, "1 2 3"},
		"has forgotten":   {[]string{event(3, 2), event(4, 3)}, "1 2 3 4"},
		"has a gap":       {[]string{event(5, 2), event(6, 3)}, "1 2 events 3 to 4 are missing 5 6"},
		"counts anew":     {[]string{event(1, 2), event(2, 3)}, "1 2 its events are numbered anew; some may be missing 1 2"},
		"nothing new yet": {[]string{event(1, 0), event(2, 1)}, "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			streams := [][]string{{event(1, 0), event(2, 1)}, tt.next}
			path := serveAnswers(t, func(target string, w *bufio.Writer) {
				head := "HTTP/1.1 200 OK\r\nBulkhead-Protocol: v1\r\n"
				if strings.HasPrefix(target, "/v1/version") {
					fmt.Fprint(w, head+"Content-Length: 2\r\n\r\n{}")
					return
				}
				fmt.Fprint(w, head+"Transfer-Encoding: chunked\r\n\r\n")
				for _, e := range streams[0] {
					fmt.Fprintf(w, "%x\r\n%s\r\n", len(e), e)
				}
				if streams = streams[1:]; len(streams) == 0 {
					fmt.Fprint(w, "0\r\n\r\n")
				}
			})
			var all told
			err := dial(t, path).FollowEvents(t.Context(), 0, func(e control.Event) error {
				all.say(fmt.Sprint(e.Serial))
				return nil
			}, func(s string) {
				if !strings.Contains(s, "the supervisor") {
					all.say(s)
				}
			})
			if got := strings.ReplaceAll(all.text(), "\n", " "); got != tt.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// serveAnswers answers one connection after the other, one request each.
func serveAnswers(t *testing.T, answer func(target string, w *bufio.Writer)) string {
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
			if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				w := bufio.NewWriter(c)
				answer(req.URL.Path, w)
				w.Flush()
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return path
}

func TestTailPlaces(t *testing.T) {
	h := newHarbor(t)
	for _, at := range []string{"x", `{"offset":-1}`, `{"path":"/etc/passwd"}`, `{"offset":9223372036854775807}`} {
		resp, err := httpGet(h.path, "/v1/tail?name=a&follow=1&read=1&at="+url.QueryEscape(at))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("%s: %s", at, resp.Status)
		}
	}
}

func httpGet(path, target string) (*http.Response, error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	return c.Get("http://x" + target)
}
