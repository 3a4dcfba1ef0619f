package keeper

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test program is the keeper, and the supervisors that die, as well.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		unix.Exit(Main(os.Args[2:])) // os.Exit sleeps a second under the race detector
	}
	if len(os.Args) > 1 && os.Args[1] == "impatient" {
		if err := run(os.Args[2], 20*time.Millisecond); err != nil {
			panic(err)
		}
		unix.Exit(0)
	}
	if dir := os.Getenv("KEEPER_TEST_DIES"); dir != "" {
		dieAfterHold(dir)
	}
	os.Exit(m.Run())
}
