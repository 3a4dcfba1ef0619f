package resident

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test program is also what locks itself: nothing else of the tests is to be locked.
const lockVar = "RESIDENT_TEST_LOCK"

func TestMain(m *testing.M) {
	if os.Getenv(lockVar) != "" {
		lockHelper()
		return
	}
	os.Exit(m.Run())
}

// lockHelper tells the outcome of Lock, what is locked of a heap that grows and is given back
// afterwards, and the limit before and after.
func lockHelper() {
	var was, is unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &was)
	err := Lock()
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &is)
	if again := Lock(); fmt.Sprint(again) != fmt.Sprint(err) {
		fmt.Println("the second time:", again)
	}
	for range 50 { // where the limit counted this would end us
		b := make([]byte, 32<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	All().Shed()
	born, raised := Born()
	status, _ := os.ReadFile("/proc/self/status")
	lock := 0
	_, rest, _ := strings.Cut(string(status), "VmLck:")
	_, _ = fmt.Sscan(rest, &lock)
	fmt.Printf("locked %v, error %v, raised %v, born as it was %v, limit unchanged %v\n", lock > 0, err, raised,
		!raised || born == Limit{was.Cur, was.Max}, is == was)
}

// lockCase is a process with a limit of locked memory (of ulimit, KiB) and without capabilities.
type lockCase struct{ name, limit, drop, want string }

const (
	lockDone    = "locked true, error <nil>, "
	lockRefused = "locked false, error cannot lock memory: operation not permitted, "
	lockRaised  = "raised true, born as it was true, limit unchanged false\n"
	lockLeft    = "raised false, born as it was true, limit unchanged true\n"
)

func (c lockCase) run(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", c.limit+` && exec setpriv --bounding-set "$1" "$0"`, exe, c.drop)
	cmd.Env = append(os.Environ(), lockVar+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.String() != c.want {
		t.Errorf("%s: %v, %swant %s", c.name, err, out.String(), c.want)
	}
}

func TestLock(t *testing.T) {
	for _, c := range []lockCase{
		{"may lock, may not raise", "ulimit -l 64", "-sys_resource", lockDone + lockLeft},
		{"may neither", "ulimit -l 64", "-sys_resource,-ipc_lock", lockRefused + lockLeft},
	} {
		c.run(t)
	}
}
