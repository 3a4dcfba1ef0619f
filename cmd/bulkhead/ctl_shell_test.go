package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// typist is a user at a terminal that a program runs on.
type typist struct {
	*testing.T
	tty  *os.File
	seen bytes.Buffer // what is not asked for yet
}

// sit runs a program on a terminal.
func sit(t *testing.T, args ...string) (*typist, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return &typist{T: t, tty: tty}, cmd
}

func (u *typist) types(keys string) {
	u.Helper()
	if _, err := u.tty.WriteString(keys); err != nil {
		u.Fatal(err)
	}
}

// sees waits for a text; what came before it is passed over.
func (u *typist) sees(text string) {
	u.Helper()
	chunk := make([]byte, 4096)
	for {
		if _, after, ok := strings.Cut(u.seen.String(), text); ok {
			u.seen.Reset()
			u.seen.WriteString(after)
			return
		}
		n, err := u.tty.Read(chunk)
		u.seen.Write(chunk[:n])
		if err != nil {
			u.Fatalf("the terminal does not show %q: %v\n%q", text, err, u.seen.String())
		}
	}
}

// TestShell sits at the shell: completion, history, Ctrl-C out of a follow,
// a question, and what a later session remembers.
func TestShell(t *testing.T) {
	d := hull()
	d.Logs = map[string]string{"cat/stdout": "hello\n"}
	path := serveFake(t, d)
	history := filepath.Join(t.TempDir(), "history")
	args := []string{"bulkhead", "ctl", "-s", "unix://" + path, "-r", history}

	u, cmd := sit(t, args...)
	u.sees("queue:queue_02")
	u.sees("bulkhead> ")
	u.types("vers\t\r")
	u.sees("1.2.3\r\n")
	u.sees("bulkhead> ")
	u.types("status app:w\t\r")
	u.sees("STARTING")
	u.sees("bulkhead> ")
	u.types("tail -f ca\t\r")
	u.sees("==> Press Ctrl-C to exit <==\r\nhello\r\n")
	u.types("\x03")
	u.sees("bulkhead> ")
	u.types("shutdown\r")
	u.sees("y/N? ")
	u.types("n\r")
	u.sees("bulkhead> ")
	u.types("frobnicate x\r")
	u.sees("*** Unknown syntax: frobnicate x\r\n")
	u.sees("bulkhead> ")
	u.types("quit\r")
	u.sees("\r\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the shell ends with %v", err)
	}
	if n := len(d.Orders()); n != 0 {
		t.Errorf("%d orders were given, a refused shutdown among them?", n)
	}

	u, cmd = sit(t, args...)
	u.sees("bulkhead> ")
	u.types("\x1b[A\x1b[A\r") // up, up
	u.sees("*** Unknown syntax: frobnicate x\r\n")
	u.sees("bulkhead> ")
	u.types("\x04") // Ctrl-D
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the shell ends with %v", err)
	}
}

// TestShellFromPipe has the shell read what is no terminal.
func TestShellFromPipe(t *testing.T) {
	path := serveFake(t, hull())
	cmd := exec.Command("bulkhead", "ctl", "-s", "unix://"+path)
	cmd.Stdin = strings.NewReader("pid cat\n\nhelp quit\nopen foo\nrecycle\n?")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(out), "bulkhead> ") // the status before it has its own tests
	golden(t, "shell", "bulkhead> "+visible(text))
}

// TestCompletion asks as the completion scripts of the shells do.
func TestCompletion(t *testing.T) {
	at := "unix://" + serveFake(t, hull())
	for _, tt := range []struct{ line, want string }{
		{"ctl -s " + at + " status c", "cat crash"},
		{"ctl -s " + at + " restart queue:", "queue:queue_00 queue:* queue:queue_01 queue:queue_02"},
		{"ctl -s " + at + " update q", "queue"},
		{"ctl -s " + at + "x status c", ""},
		{"completion f", "fish"},
	} {
		var out, errw bytes.Buffer
		code := run(append([]string{"__complete"}, strings.Fields(tt.line)...), &out, &errw)
		end := strings.LastIndex(out.String(), ":") // of the candidates; a number for the script follows
		candidates := out.String()[:max(end, 0)]
		if got := strings.Join(strings.Fields(candidates), " "); got != tt.want || code != exitOK {
			t.Errorf("%s: exit %d, %q, want %q\n%s", tt.line, code, got, tt.want, errw.String())
		}
	}
}
