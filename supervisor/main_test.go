package supervisor

import (
	"fmt"
	"os"
	"testing"

	"bulkhead/supervisor/keeper"
)

// The test program is also what some tests start.
const helperVar = "SUPERVISOR_TEST_HELPER"

var helpers = map[string]func() error{
	"notify":  notifyHelper,
	"init":    initHelper,
	"session": sessionHelper,
	"panic":   panicHelper,
	"heir":    heirHelper,
	"score":   scoreHelper,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == keeper.Command { // of a helper that serves
		os.Exit(keeper.Main(os.Args[2:]))
	}
	if name := os.Getenv(helperVar); name != "" {
		if err := helpers[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	retireTree()
	os.Exit(code)
}
