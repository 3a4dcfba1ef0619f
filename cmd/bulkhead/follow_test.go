package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"bulkhead/supervisor/control"
)

// printed is what f prints.
func printed(f func(*app)) string {
	var out bytes.Buffer
	f(&app{out: &out, err: &out})
	return out.String()
}

// Ctrl-C is the orderly end of a follow: exit code 0, nothing on standard
// error, and the server sees its reader go.
func TestInterruptEndsFollow(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"tail -f cat", "==> Press Ctrl-C to exit <==\nhello\n"},
		{"maintail -f", "==> Press Ctrl-C to exit <==\nmain log\n"},
		{"events -f", "2026-11-21 00:08:59.000 cat: is up\n"},
		{"events -f --json", `{"serial":1,"at":"2026-11-20T22:08:59Z","kind":"state","name":"cat","message":"is up"}` + "\n"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			d := hull()
			d.Logs = map[string]string{"cat/stdout": "hello\n", "/stdout": "main log\n"}
			d.Emit(control.Event{At: noon, Kind: "state", Name: "cat", Message: "is up"})
			path := serveFake(t, d)
			out, errw := newWatched(len(tt.want)), newWatched(0)
			code := make(chan int)
			go func() {
				code <- run(append([]string{"ctl", "-s", "unix://" + path}, strings.Fields(tt.line)...), out, errw)
			}()
			<-out.full // all is printed, so the handler of the signal is in place
			if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if c := <-code; c != 0 || out.buf.String() != tt.want || errw.buf.String() != "" {
				t.Errorf("exit %d\n%q\nwant %q\nstderr %q", c, out.buf.String(), tt.want, errw.buf.String())
			}
			if !d.Until(t.Context(), func() bool { return d.Followers() == 0 }) {
				t.Error("the server still has a follower")
			}
		})
	}
}

// watched is a buffer that tells when it has got so many bytes.
type watched struct {
	buf  bytes.Buffer // not embedded: io.Copy would find its ReadFrom
	want int
	done bool
	full chan bool
}

func newWatched(want int) *watched { return &watched{want: want, full: make(chan bool)} }

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.buf.Write(p)
	if !w.done && w.buf.Len() >= w.want {
		w.done = true
		close(w.full)
	}
	return n, err
}
