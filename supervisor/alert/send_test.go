package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

func TestMain(m *testing.M) {
	if err := spawn.Prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var at = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func sample() Message {
	return Source{"web1", "supervisor"}.message([]control.Event{
		{Serial: 7, At: at, Kind: "ended", Name: "queue:queue_03", Message: "killed by the kernel: out of memory\nBcc: x", Reason: &control.Reason{Kind: "oom_killed"}},
		{Serial: 8, At: at.Add(time.Second), Kind: "trouble", Message: "größer"},
	}, 3)
}

func TestMessage(t *testing.T) {
	const want = `bulkhead on web1: 2 events, the first: queue:queue_03: killed by the kernel: out of memory Bcc: x
2026-11-28 09:00:00 queue:queue_03: killed by the kernel: out of memory Bcc: x
2026-11-28 09:00:01 größer
3 more events could not be told`
	if d := cmp.Diff(want, sample().Text); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	one := Source{Host: "web1"}.message([]control.Event{{Message: "a"}}, 0)
	if want := "bulkhead on web1: a\n0001-01-01 00:00:00 a"; one.Text != want {
		t.Errorf("%q, want %q", one.Text, want)
	}
}

// TestMail is read back by a reader of mail: nothing that an event says becomes a header.
func TestMail(t *testing.T) {
	m := sample()
	m.Events[0].Message = strings.Repeat("ü", 300) + "\r\nBcc: x@y"
	text := m.mail("ops@example.org,\n Web <web@example.org>", at)
	got, err := mail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "bulkhead on web1: 2 events, the first: queue:queue_03: üüü") || !strings.HasSuffix(subject, "ü…") {
		t.Errorf("subject %q, %v", subject, err)
	}
	for line := range strings.Lines(string(text)) {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if got.Header.Get("Bcc") != "" || got.Header.Get("To") != "ops@example.org,  Web <web@example.org>" || got.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("header %v", got.Header)
	}
	body, _ := io.ReadAll(got.Body)
	if string(body) != m.Text+"\n" {
		t.Errorf("body %q", body)
	}
}

func TestWebhook(t *testing.T) {
	var got Message
	code, header := 204, http.Header{}
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return
		}
		header = r.Header
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != "POST" {
			t.Errorf("%s, %v", r.Method, err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
	}))
	defer s.Close()
	p := Post{Agent: "bulkhead/1"}
	w := Way{Webhook: s.URL + "/s3cret"}
	if err := p.Send(t.Context(), w, sample()); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Errorf("it got (-want +got)\n%s", d)
	}
	if header.Get("Content-Type") != "application/json" || header.Get("User-Agent") != "bulkhead/1" {
		t.Errorf("header %v", header)
	}
	for _, c := range []struct {
		code       int
		ok, for4us bool
	}{{200, true, false}, {299, true, false}, {302, false, true}, {400, false, true}, {404, false, true}, {408, false, false}, {429, false, false}, {500, false, false}, {503, false, false}} {
		code = c.code
		err := p.Send(t.Context(), w, sample())
		if (err == nil) != c.ok || errors.As(err, &permanentError{}) != c.for4us {
			t.Errorf("%d: %v", c.code, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Send(ctx, Way{Webhook: s.URL + "/hang"}, sample()); err == nil || ctx.Err() == nil || strings.Contains(err.Error(), "hang") {
		t.Errorf("hanging: %v", err)
	}
	close(hang)
	s.Close()
	err := p.Send(t.Context(), w, sample())
	if err == nil || errors.As(err, &permanentError{}) || strings.Contains(err.Error(), "s3cret") || strings.Contains(w.String(), "s3cret") {
		t.Errorf("nobody there: %v, %v", err, w)
	}
}

// script writes a program and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := Post{Env: append(os.Environ(), "OUT="+out)}
	run := func(ctx context.Context, text string, args ...string) error {
		return p.Send(ctx, Way{Command: append([]string{script(t, text)}, args...)}, sample())
	}
	if err := run(t.Context(), `cat > "$OUT"; echo "$1" >> "$OUT"`, "a b"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var got Message
	d := json.NewDecoder(strings.NewReader(string(text)))
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" || !strings.HasSuffix(string(text), "\na b\n") {
		t.Errorf("(-want +got)\n%s\n%s", diff, text)
	}
	if err := run(t.Context(), "exit 0"); err != nil { // it need not read
		t.Error(err)
	}
	if err := run(t.Context(), "echo; echo it is 'broken\nhere'; exit 3"); err == nil || !strings.HasSuffix(err.Error(), "it is broken here") || !strings.Contains(err.Error(), "3") {
		t.Errorf("failing: %v", err)
	}
	if err := run(t.Context(), "head -c 1000000 /dev/zero | tr '\\0' x; exit 1"); err == nil || len(err.Error()) > 300 {
		t.Errorf("talkative: %v", err)
	}
	if err := run(t.Context(), "sleep 1000 & echo $! > \"$OUT\"; exit 0"); err != nil { // whoever holds the pipe is not waited for
		t.Error(err)
	}
	if text, err = os.ReadFile(out); err == nil {
		var pid int
		fmt.Sscan(string(text), &pid)
		err = unix.Kill(pid, unix.SIGKILL)
	}
	if err != nil {
		t.Errorf("what it has left behind: %v", err)
	}
	if err := run(t.Context(), "kill -9 $$"); err == nil {
		t.Error("killed, and all is well")
	}
	if err := p.Send(t.Context(), Way{Command: []string{"/no/such/command"}}, sample()); err == nil {
		t.Error("a command that is not there")
	}
}

// TestSlowCommand is killed, and what it has started.
func TestSlowCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		p := Post{Env: append(os.Environ(), "OUT="+out)}
		ended <- p.Send(ctx, Way{Command: []string{script(t, `sleep 1000 & echo $! > "$OUT.new"; mv "$OUT.new" "$OUT"; wait`)}}, sample())
	}()
	var text []byte
	for len(text) == 0 {
		text, _ = os.ReadFile(out)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	var pid int
	fmt.Sscan(string(text), &pid)
	for unix.Kill(pid, 0) == nil && !zombie(pid) {
	}
}

// zombie tells a process that has ended from one that lives: its parent may not look yet.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

func TestSendmail(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := Post{Sendmail: script(t, `echo "$@" > "$OUT"; cat >> "$OUT"`), Env: append(os.Environ(), "OUT="+out)}
	if err := p.Send(t.Context(), Way{Sendmail: "ops@example.org"}, sample()); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(out)
	if !strings.HasPrefix(string(text), "-t -i\nTo: ops@example.org\nSubject: bulkhead on web1: 2 events") || !strings.HasSuffix(string(text), sample().Text+"\n") {
		t.Errorf("it got %q", text)
	}
	p.Sendmail = script(t, "exit 75") // EX_TEMPFAIL
	if err := p.Send(t.Context(), Way{Sendmail: "ops@example.org"}, sample()); err == nil || errors.As(err, &permanentError{}) {
		t.Errorf("tempfail: %v", err)
	}
}

func TestWayNames(t *testing.T) {
	for want, w := range map[string]Way{
		"the command /bin/page":      {Command: []string{"/bin/page", "--token=x"}},
		"mail to a@b":                {Sendmail: "a@b"},
		"the webhook at example.org": {Webhook: "https://user:pw@example.org/x"},
		"the webhook":                {Webhook: "https://%zz"},
	} {
		if w.String() != want {
			t.Errorf("%q, want %q", w, want)
		}
	}
}
