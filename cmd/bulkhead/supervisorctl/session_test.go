package supervisorctl

import (
	"strings"
	"testing"
	"time"
)

const askingToo = `
[unix_http_server:second]
file=%[1]s/locked
username=joe
password=secret
[program:cat]
command=cat
startsecs=0
`

// TestLogIn talks to a server that wants a password: with the wrong one, with
// the right one, and with one that the user is asked for.
func TestLogIn(t *testing.T) {
	t.Parallel()
	r := start(t, askingToo)
	locked := "unix://" + r.dir + "/locked"
	const refusal = "Server requires authentication\nerror: <class 'xmlrpc.client.ProtocolError'>, <ProtocolError for 127.0.0.1/RPC2: 401 Unauthorized>\n"
	for _, tt := range []struct {
		typed string
		args  []string
		want  string
		code  int
	}{
		{"", []string{"version"}, refusal, exitGeneric},
		{"", []string{"-u", "joe", "-p", "wrong", "version"}, refusal, exitGeneric},
		{"", []string{"-u", "joe", "-p", "secret", "version"}, "4.2.5\n", exitOK},
		{"joe\nsecret\n", []string{"-i", "version"}, "Server requires authentication\nUsername:Password:\n4.2.5\n", exitOK},
		{"joe\nsecret\nversion\n", nil, "Server requires authentication\nUsername:Password:\ncat                              RUNNING   pid N, uptime T\n" +
			"told%> 4.2.5\ntold%> \n", exitOK},
		{"joe\n", []string{"-i", "version"}, "Server requires authentication\nUsername:Password:error: <class 'EOFError'>, EOF when reading a line\n", exitGeneric},
	} {
		out, _, code := r.ours(tt.typed, append([]string{"-s", locked}, tt.args...)...)
		if r.masked(out) != tt.want || code != tt.code {
			t.Errorf("%q, typing %q: exit %d\n%s", tt.args, tt.typed, code, out)
		}
	}
}

// TestForeground has fg hand lines to a process, and ends it with the input.
func TestForeground(t *testing.T) {
	t.Parallel()
	r := start(t, askingToo)
	out, _, code := r.ours("fg cat\nhello\n")
	if !strings.Contains(out, "told%> ==> Press Ctrl-C to exit <==\n") || !strings.Contains(out, "Exiting foreground\n") || code != exitOK {
		t.Errorf("exit %d\n%s", code, out)
	}
	for end := time.Now().Add(time.Minute); ; { // what cat prints comes in its own time
		log, _, _ := r.ours("", "tail", "cat")
		if log == "hello\n\n" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("cat was not handed what was typed; its log is %q", log)
		}
	}
}
