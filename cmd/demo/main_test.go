package main

import (
	"os"
	"testing"
)

// asDemo in the environment makes the test binary the demo itself; its workers
// are the same binary again.
const asDemo = "BULKHEAD_DEMO_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		main()
	}
	code := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}
