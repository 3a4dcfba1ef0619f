package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file is read whole however long it is, and as it is now; one that cannot be opened is told,
// and tried again.
func TestKeptFile(t *testing.T) {
	f := KeptFile{Name: filepath.Join(t.TempDir(), "f")}
	f.Close()
	for range 2 {
		if got, err := f.Read(); got != nil || err != unix.ENOENT {
			t.Errorf("%q, %v of a file that is not there", got, err)
		}
	}
	for _, want := range []string{"", "x", strings.Repeat("y", 4095), strings.Repeat("z", 4096), strings.Repeat("long\n", 5000), "short again"} {
		if err := os.WriteFile(f.Name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(); string(got) != want || err != nil {
			t.Errorf("%d bytes and %v of %d", len(got), err, len(want))
		}
	}
	f.Close()
	f.Close()
}
