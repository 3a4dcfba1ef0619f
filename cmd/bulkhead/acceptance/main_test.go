package acceptance_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// roles are the programs that the test binary itself is under bulkhead, by
// the value of roleKey.
var roles = map[string]func(){"grow": grow, "stamp": stamp, "tells": tells, "hears": hears, "listens": listens}

const roleKey = "BULKHEAD_TEST_ROLE"

// hearAll has what we start begin with every signal at its default, whoever started us: Go leaves
// these two ignored where they were, and hands that on.
func hearAll() {
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}

func TestMain(m *testing.M) {
	name := os.Getenv(roleKey)
	if name == "" {
		hearAll()
		code := m.Run()
		if built.dir != "" {
			os.RemoveAll(built.dir)
		}
		os.Exit(code)
	}
	role := roles[name]
	if role == nil {
		fmt.Fprintf(os.Stderr, "unknown role %q\n", name)
		os.Exit(1)
	}
	role()
}
