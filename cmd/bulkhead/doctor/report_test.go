package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReports compares whole reports of made-up hosts with testdata/NAME.golden.
func TestReports(t *testing.T) {
	for name, want := range map[string]struct {
		span    time.Duration
		serious bool
		rules   string
	}{
		"healthy": {10 * time.Second, false, ""},
		"outage":  {20 * time.Second, true, "memory-full pressure redis-fork memory-low swap-full redis-overcommit oom-victim oom-unkillable worker-unlimited pool-swapped"},
		"hybrid":  {10 * time.Second, false, "worker-unlimited"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Diagnose(load(t, name).watch(t, want.span))
			var rules []string
			for _, f := range r.Findings {
				rules = append(rules, f.Rule)
				if f.Title == "" || len(f.Facts) == 0 || len(f.Advice) == 0 {
					t.Errorf("%s lacks a title, numbers or advice: %+v", f.Rule, f)
				}
			}
			if got := strings.Join(rules, " "); got != want.rules || r.Serious() != want.serious {
				t.Errorf("found %q, serious %v; want %q, %v", got, r.Serious(), want.rules, want.serious)
			}
			var b strings.Builder
			if err := r.Print(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}
