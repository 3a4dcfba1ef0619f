package probe

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

func shell(script string) spawn.Spec {
	return spawn.Spec{Argv: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Umask: -1, CgroupFD: -1}
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"true", ""},
		{"echo all is well", ""},
		{"exit 3", "exit code 3"},
		{"echo one; echo two >&2; exit 22", "exit code 22: two"},
		{"printf 'no end of line'; exit 1", "exit code 1: no end of line"},
		{`printf '\033[31mred\n'; exit 1`, "exit code 1: [31mred"},
		{"kill -SEGV $$", "SIGSEGV"},
		{"head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1", "exit code 1: end"},
		{"read x; exit 4", "exit code 4"}, // its standard input is /dev/null
	} {
		check(t, Command(t.Context(), shell(tt.script)), tt.want)
	}
	s := shell("")
	s.Argv = []string{"/nonexistent/check"}
	if err := Command(t.Context(), s); err == nil || !strings.Contains(err.Error(), "/nonexistent/check") {
		t.Errorf("a command that is not there: %v", err)
	}
}

// gone waits until none of the processes is alive; they may be zombies of another parent.
func gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		for {
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") || strings.Contains(string(stat), ") X ") {
				break
			}
			runtime.Gosched()
		}
	}
}

// pidsIn reads process numbers that a script has written.
func pidsIn(t *testing.T, path string) (pids []int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// One that does not end, and its children with it, are killed at the end of the
// context; its status is taken, so that no zombie stays.
func TestCommandThatHangs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	if err := unix.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { answer <- Command(ctx, shell("trap '' TERM; sleep 1000 & echo $$ $! > "+file+"; wait")) }()
	pids := pidsIn(t, file) // as soon as they are written
	cancel()
	check(t, <-answer, ErrNoAnswer.Error())
	if spawn.Owned(pids[0]) {
		t.Errorf("the status of %d was not taken", pids[0])
	}
	if err := unix.Kill(pids[0], 0); err != unix.ESRCH {
		t.Errorf("process %d: %v", pids[0], err)
	}
	gone(t, pids[1])
}

// What a command leaves behind in its group holds nobody up and is ended too.
func TestCommandThatLeavesBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	check(t, Command(t.Context(), shell("sleep 1000 & echo $! > "+file+"; exit 0")), "")
	gone(t, pidsIn(t, file)...)
	// Nor does what has fled from it, and holds the pipe open.
	check(t, Command(t.Context(), shell("setsid sleep 1000 & echo $! > "+file+"; echo fled; exit 1")), "exit code 1: fled")
	for _, pid := range pidsIn(t, file) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// Without a pidfd it is looked for.
func TestCommandWithoutPidfd(t *testing.T) {
	c, err := spawn.Start(t.Context(), shell("exit 5"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if status, late, err := wait(t.Context(), c); err != nil || late || status.Code != 5 {
		t.Errorf("%v late=%v %v", status, late, err)
	}
	c, err = spawn.Start(t.Context(), shell("sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, late, err := wait(ctx, c); err != nil || !late || status.Signal != unix.SIGKILL {
		t.Errorf("%v late=%v %v", status, late, err)
	}
}
