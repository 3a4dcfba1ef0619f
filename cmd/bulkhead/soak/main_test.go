package soak

import (
	"os"
	"testing"
)

// roleKey has the test binary be a program under bulkhead.
const roleKey = "SOAK_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "chatter" {
		chatter()
		return
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}
