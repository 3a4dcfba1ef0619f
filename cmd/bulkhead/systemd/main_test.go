//go:build kernel

package systemd_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// roles are the programs that the test binary itself is under bulkhead, by
// the value of roleKey.
var roles = map[string]func(){"hog": hog, "container": container, "teller": teller}

const (
	roleKey = "BULKHEAD_TEST_ROLE"
	wordKey = "BULKHEAD_TEST_WORD"
)

func TestMain(m *testing.M) {
	name := os.Getenv(roleKey)
	if name == "" {
		os.Exit(m.Run())
	}
	role := roles[name]
	if role == nil {
		fmt.Fprintf(os.Stderr, "unknown role %q\n", name)
		os.Exit(1)
	}
	role()
}

// hog grows until something stops it.
func hog() {
	for kept := [][]byte{}; ; {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

// teller says that it is ready, and tells of three jobs when the file that
// wordKey names is there.
func teller() {
	tell := func(text string) error {
		to, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
		if err == nil {
			_, err = to.Write([]byte(text))
		}
		return err
	}
	word := os.Getenv(wordKey)
	err := tell("READY=1")
	for err == nil {
		if _, err := os.Stat(word); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err == nil {
		err = tell("JOBS_DONE=3")
	}
	if err == nil {
		err = os.WriteFile(word+".done", nil, 0o644)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// patience is how long a test waits for the machine; guests are slow.
const patience = 60 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// slurp is a file's text, "" when it cannot be read.
func slurp(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func program(t *testing.T) string {
	t.Helper()
	bin := os.Getenv("BULKHEAD_BIN")
	if bin == "" {
		t.Fatal("BULKHEAD_BIN is not set: it names the program to test")
	}
	return bin
}
