package acceptance_test

import (
	"fmt"
	"os"
	"testing"
)

// roles are the programs that the test binary itself is under bulkhead, by
// the value of roleKey.
var roles = map[string]func(){"grow": grow, "stamp": stamp, "tells": tells, "hears": hears, "listens": listens}

const roleKey = "BULKHEAD_TEST_ROLE"

func TestMain(m *testing.M) {
	name := os.Getenv(roleKey)
	if name == "" {
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
