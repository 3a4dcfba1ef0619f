package likeness_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the test program does instead of its tests when it is called by this
// name: it sets every signal and becomes the command that follows.
const (
	withDefaults = "with-default-signals"
	withIgnored  = "with-ignored-signals"
)

// becomeCommand returns where the program was called for its tests. env(1) and
// Python leave alone signals 32 and 33, which glibc keeps for itself and any
// parent may ignore; so this asks the kernel.
func becomeCommand() {
	handlers := map[string]uint64{withDefaults: 0, withIgnored: 1} // SIG_DFL, SIG_IGN
	if len(os.Args) < 3 {
		return
	}
	handler, ok := handlers[os.Args[1]]
	if !ok {
		return
	}
	action := [4]uint64{handler} // struct kernel_sigaction
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig == uintptr(unix.SIGCHLD) && handler != 0 {
			continue // the test waits for its children
		}
		// SIGKILL and SIGSTOP refuse, rightly.
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
	path, err := exec.LookPath(os.Args[2])
	if err == nil {
		err = syscall.Exec(path, os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(127)
}

// TestDefaultSignals: whatever the parent ignores, a daemon ignores nothing.
func TestDefaultSignals(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	look := []string{"sed", "-n", "/SigIgn/p", "/proc/self/status"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{append([]string{withIgnored}, look...), "fffffffffffafeff"}, // all but SIGKILL, SIGSTOP and SIGCHLD
		{append([]string{withIgnored, self, withDefaults}, look...), "0000000000000000"},
	} {
		out, err := exec.Command(self, c.args...).CombinedOutput()
		if got := strings.TrimSpace(strings.TrimPrefix(string(out), "SigIgn:")); err != nil || got != c.want {
			t.Errorf("%q ignores %q, want %q: %v", c.args, got, c.want, err)
		}
	}
}
