//go:build kernel

package acceptance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onKernel fails a test that is not where the kernel holds limits.
func onKernel(t *testing.T) {
	t.Helper()
	if os.Getenv("BULKHEAD_KERNEL_TESTS") == "" || os.Getenv("BULKHEAD_BIN") == "" {
		t.Fatal("run this with `make kernel KERNEL_PKG=cmd/bulkhead/acceptance`: it needs BULKHEAD_KERNEL_TESTS and BULKHEAD_BIN")
	}
	began := time.Now()
	t.Cleanup(func() { figure("%s took %v", t.Name(), time.Since(began).Round(time.Second)) })
}

// cgroupDir is the directory of a cgroup as status names it.
func cgroupDir(path string) string {
	if strings.HasPrefix(path, "/sys/fs/cgroup") {
		return path
	}
	return filepath.Join("/sys/fs/cgroup", path)
}
