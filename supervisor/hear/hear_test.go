package hear

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stageVar has this program be a supervisor that is executed, and that executes itself.
const stageVar = "HEAR_STAGE"

func TestMain(m *testing.M) {
	switch os.Getenv(stageVar) {
	case "":
		os.Exit(m.Run())
	case "1":
		first()
	case "2":
		second()
	}
}

// first is told to stop while it executes itself, and by then holds that on every thread.
func first() {
	os.Unsetenv(stageVar)
	for range 8 { // threads that the runtime makes later
		go func() {
			runtime.LockOSThread()
			select {}
		}()
	}
	for range 100 { // one is heard as ever
		if err := syscall.Kill(os.Getpid(), Stop); err != nil {
			fail(err)
		}
		if s := <-Held; s != Stop {
			fail(fmt.Errorf("heard %v", s))
		}
	}
	fmt.Println("name", text("/proc/self/comm"))
	fmt.Println("environment", len(os.Getenv(heldVar)+os.Getenv(smallVar)))
	fmt.Println("huge pages", hugePages())
	AllowHuge()
	fmt.Println("huge pages", hugePages())
	fmt.Println("takers", takers() <= 1)
	Hold()
	fmt.Println("takers after Hold", takers())
	for _, s := range held {
		if err := syscall.Kill(os.Getpid(), s.(syscall.Signal)); err != nil {
			fail(err)
		}
	}
	fail(syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), stageVar+"=2")))
}

// second hears what the one before was told.
func second() {
	var all []string
	for range held {
		select {
		case s := <-Held:
			all = append(all, fmt.Sprint(int(s.(syscall.Signal))))
		case <-time.After(10 * time.Second):
			fail(fmt.Errorf("heard %v alone", all))
		}
	}
	fmt.Println("heard", len(all))
}

// hugePages says whether this process may be given them: "THP_enabled" of its status, Linux 5.0.
func hugePages() string {
	_, after, _ := strings.Cut(text("/proc/self/status"), "THP_enabled:")
	return strings.Fields(after + " ?")[0]
}

// takers are the threads that do not hold the signals.
func takers() (n int) {
	all, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		fail(err)
	}
	for _, path := range all {
		var holds uint64
		_, after, ok := strings.Cut(text(path), "SigBlk:")
		if !ok {
			continue // it has ended
		}
		if _, err := fmt.Sscanf(after, "%x", &holds); err != nil {
			fail(err)
		}
		if holds&set() != set() {
			n++
		}
	}
	return n
}

func text(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}

// A stop in the moment of an exec is heard by the next image, by whatever name it runs. It begins without huge pages,
// unless somebody else has refused them, which stays so.
func TestNoneIsLostInAnExec(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, allowed := range map[string]string{"hears": "1", "supervisord": "1", "refused/supervisord": "0"} {
		link := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.Symlink(own, link); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(link, "serve")
		if filepath.Base(name) == "supervisord" {
			cmd.Args = []string{link, "-n"}
		}
		cmd.Env = append(os.Environ(), stageVar+"=1")
		prctl(setSmall, uintptr('1'-allowed[0])) // it is inherited
		out, err := cmd.CombinedOutput()
		prctl(setSmall, 0)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := "name " + filepath.Base(name) + "\nenvironment 0\nhuge pages 0\nhuge pages " + allowed + "\ntakers true\ntakers after Hold 0\nheard 4\n"
		if string(out) != want {
			t.Errorf("got\n%s\nwant\n%s", out, want)
		}
	}
}
