package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// server answers every connection by hand, until the test is over.
func server(t *testing.T, answer func(conn net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// request reads a request.
func request(conn net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) }

// stay keeps the connection open for as long as the other side does.
func stay(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// TestHTTP asks servers of all kinds. Those that never come to an end are asked
// with a context that ends at once when they have been heard.
func TestHTTP(t *testing.T) {
	endless := func(conn net.Conn) {
		for {
			if _, err := conn.Write([]byte(strings.Repeat("x", 4<<10))); err != nil {
				return
			}
		}
	}
	say := func(text string, then func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			request(conn)
			fmt.Fprint(conn, text)
			if then != nil {
				then(conn)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(net.Conn)
		want   string // "" well
	}{
		{"200", say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong", nil), ""},
		{"204", say("HTTP/1.1 204 No Content\r\n\r\n", nil), ""},
		{"399", say("HTTP/1.1 399 Hm\r\nContent-Length: 0\r\n\r\n", nil), ""},
		{"400", say("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", nil), "status 400"},
		{"500", say("HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops", nil), "status 500"},
		{"500 that hangs in its body", say("HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\no", stay), "status 500"},
		{"a redirect to where nobody is", say("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", nil), ""},
		{"never answers", func(conn net.Conn) { request(conn); stay(conn) }, ErrNoAnswer.Error()},
		{"hangs in the header", say("HTTP/1.1 200 OK\r\nX-", stay), ErrNoAnswer.Error()},
		{"hangs in the body", say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npo", stay), ErrNoAnswer.Error()},
		{"closes at once", func(conn net.Conn) { request(conn) }, "the connection was closed in the middle of the answer"},
		{"closes in the body", say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npo", nil), "the connection was closed in the middle of the answer"},
		{"a body without end", say("HTTP/1.1 200 OK\r\n\r\n", endless), ""},
		{"a header without end", say("HTTP/1.1 200 OK\r\nX: ", endless), "server response headers exceeded 65536 bytes; aborted"},
		{"not HTTP", say("220 mail.example ESMTP \x1b[31m\r\n", stay), `malformed HTTP status code "mail.example"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			most := time.Minute // of which an answer takes nothing
			if tt.want == ErrNoAnswer.Error() {
				most = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), most)
			defer cancel()
			check(t, HTTP(ctx, "http://"+server(t, tt.answer)+"/ping"), tt.want)
		})
	}
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a request looks like, and that each comes on a connection of its own.
func TestHTTPRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // nobody asks it
	var seen []string
	conns := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.String()+" "+r.UserAgent())
		conns[r.RemoteAddr] = true
	}))
	defer s.Close()
	for range 2 {
		if err := HTTP(t.Context(), s.URL+"/a?b=c"); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 || seen[0] != "GET /a?b=c bulkhead-health" || len(conns) != 2 {
		t.Errorf("%q on %d connections", seen, len(conns))
	}
}

// A certificate for another name is no reason to restart anybody.
func TestHTTPS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	if err := HTTP(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNobodyListens(t *testing.T) {
	check(t, HTTP(t.Context(), "http://"+nobody(t)), "connection refused")
	check(t, TCP(t.Context(), nobody(t)), "connection refused")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, HTTP(ctx, "http://"+nobody(t)), ErrNoAnswer.Error())
	check(t, TCP(ctx, nobody(t)), ErrNoAnswer.Error())
}

func TestTCP(t *testing.T) {
	closed := make(chan struct{})
	address := server(t, func(conn net.Conn) {
		if _, err := io.Copy(io.Discard, conn); err == nil {
			close(closed)
		}
	})
	check(t, TCP(t.Context(), address), "")
	<-closed // nothing of it stays
	err := TCP(t.Context(), "name.invalid:80")
	if err == nil || errors.Is(err, ErrNoAnswer) {
		t.Errorf("a host that there is not: %v", err)
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		" a\tb\x1b[31mc\xff\n":         "a b [31mc?",
		strings.Repeat("é", 101):       strings.Repeat("é", 100) + "…",
		"a" + strings.Repeat("é", 100): "a" + strings.Repeat("é", 99) + "…",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzOneLine holds what others say to one short line of a terminal.
func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"", "a\nb", "\x1b[2J\u202e", strings.Repeat("\xf0\x9f\x98\x80", 60), strings.Repeat("\xff", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := oneLine(s)
		if !utf8.ValidString(got) || len(got) > lineMost+len("…") {
			t.Errorf("%q: %q", s, got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q: %q has something at %d that is not printed", s, got, i)
		}
	})
}
