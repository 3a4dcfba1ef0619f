package acceptance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulkhead/supervisor/control"
)

// eventually waits for what no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
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

// statOf is /proc/PID/stat, "" when there is no such process.
func statOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return string(b)
}

// processState is the letter of proc_pid_stat(5), "" when there is no process.
func processState(pid int) string {
	text := statOf(pid)
	if text == "" {
		return ""
	}
	return strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[0]
}

// slurp is all of a file, "" when there is none.
func slurp(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

// numbers are those of a text with nothing else.
func numbers(t *testing.T, text string) []int {
	t.Helper()
	var all []int
	for _, word := range strings.Fields(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// descriptors are what a process has open.
func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil { // closed meanwhile
			all = append(all, to)
		}
	}
	return all
}

// pids are those of the instances that run.
func pids(all []control.Status) map[string]int {
	m := map[string]int{}
	for _, st := range all {
		if st.State == "RUNNING" {
			m[st.FullName()] = st.PID
		}
	}
	return m
}
