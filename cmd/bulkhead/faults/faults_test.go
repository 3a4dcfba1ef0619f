package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// lives is how many supervisors run at once: a life waits more than it works.
const lives = 6

// attempts is how often a life is tried whose fault was not met: the order of
// things differs from life to life.
const attempts = 3

// TestFaults makes one call fail per life.
func TestFaults(t *testing.T) {
	bin := build(t)
	base, err := begin(bin, fault{})
	if err != nil {
		t.Fatal(err)
	}
	found := base.live()
	points, met := base.calls.order, base.calls.met
	if len(found) > 0 {
		log, stderr := base.log()
		t.Errorf("%s%s", log, stderr)
	}
	base.close()
	if len(found) > 0 {
		t.Fatalf("a life without a fault:\n%s", strings.Join(found, "\n"))
	}
	queue := make(chan fault)
	var table table
	var wg sync.WaitGroup
	for range lives {
		wg.Go(func() {
			for f := range queue {
				t.Run(title(f), func(t *testing.T) { table.add(f, suffer(t, bin, f)) })
			}
		})
	}
	for _, p := range points {
		for _, nth := range picks(met[p]) {
			queue <- fault{p, nth}
		}
	}
	close(queue)
	wg.Wait()
	t.Logf("%d points\n%s", len(points), table.text())
}

// picks are the occurrences of a point that get a life each: all of a few, else
// the first and the last; every one where BULKHEAD_FAULTS=all.
func picks(count int) []int {
	const few = 2
	if count > few && os.Getenv("BULKHEAD_FAULTS") != "all" {
		return []int{1, count}
	}
	all := make([]int, count)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// title is the name of a fault's test.
func title(f fault) string {
	return strings.NewReplacer("/", ":", " ", "_").Replace(f.String())
}

// suffer is a life with a fault; it returns the verdict in a word.
func suffer(t *testing.T, bin string, f fault) string {
	seen := false // what is found must be found in a second life: one alone may be the machine's
	for range attempts {
		n, err := begin(bin, f)
		if err != nil {
			if n != nil {
				n.close()
			}
			t.Fatal(err)
		}
		found := n.live()
		errno := n.calls.struck()
		log, stderr := n.log()
		heard, late := n.heard(), n.calls.late()
		up := strings.Contains(log, "bulkhead ")
		n.close()
		if len(found) > 0 && !seen {
			seen = true
			t.Logf("%s with %q, once:\n%s", f, errno, strings.Join(found, "\n"))
			continue
		}
		if len(found) > 0 {
			t.Errorf("%s with %q:\n%s\nlog:\n%s%s\nclients:\n%s", f, errno, strings.Join(found, "\n"), tail(log, 60), tail(stderr, 60), tail(heard, 20))
			return "FOUND: " + strings.Join(found, "; ")
		}
		if errno != 0 {
			return judged(f, tells(f.point, errno, log+stderr+heard), up, late)
		}
	}
	if f.nth == 1 {
		t.Errorf("%s was not met in %d lives", f, attempts)
	}
	return "not met"
}

func judged(f fault, told, up, late bool) string {
	switch {
	case !told:
		why, _ := pardoned(f.point, late)
		return "pardoned: " + why
	case !up:
		return "reported, not started"
	}
	return "reported"
}

// table collects the verdicts.
type table struct {
	mu    sync.Mutex
	lines []string
}

func (t *table) add(f fault, verdict string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%-60s %s", f, verdict))
}

func (t *table) text() string {
	slices.Sort(t.lines)
	return strings.Join(t.lines, "\n")
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// build returns BULKHEAD_BIN, else what the source beside this folder builds to.
func build(t *testing.T) string {
	if bin := os.Getenv("BULKHEAD_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "bulkhead")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "bulkhead/cmd/bulkhead")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return bin
}
