package probe

import (
	"os"
	"testing"

	"bulkhead/supervisor/spawn"
)

func TestMain(m *testing.M) {
	if err := spawn.Prepare(); err != nil { // what it opens stays open
		panic(err)
	}
	os.Exit(m.Run())
}
