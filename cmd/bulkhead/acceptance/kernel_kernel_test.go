//go:build kernel

package acceptance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// eventually waits for what no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// procField is the first number behind a key in /proc/PID/status and its like.
func procField(t *testing.T, path, key string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			return n
		}
	}
	t.Fatalf("%s has no %q", path, key)
	return 0
}

// marked are the processes with KEY=VALUE in their environment.
func marked(t *testing.T, mark string) []int {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if slices.Contains(strings.Split(string(b), "\x00"), mark) {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// cgroupDir is the directory of a cgroup as status names it.
func cgroupDir(path string) string {
	if strings.HasPrefix(path, "/sys/fs/cgroup") {
		return path
	}
	return filepath.Join("/sys/fs/cgroup", path)
}
