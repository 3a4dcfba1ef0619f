//go:build replay

package replay

import (
	"fmt"
	"os"
	"testing"
)

// roles are the programs that the test binary is, called as `BINARY role NAME ARGUMENT...`.
var roles = map[string]func(args []string){"web": web, "monitor": monitor, "hoard": hoard, "build": build, "part": part, "thrash": thrash}

func TestMain(m *testing.M) {
	if len(os.Args) < 3 || os.Args[1] != "role" {
		os.Exit(m.Run())
	}
	role := roles[os.Args[2]]
	if role == nil {
		fmt.Fprintf(os.Stderr, "unknown role %q\n", os.Args[2])
		os.Exit(2)
	}
	role(os.Args[3:])
}

// must ends a role that cannot go on.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}
