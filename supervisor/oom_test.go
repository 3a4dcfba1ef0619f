package supervisor

import (
	"testing"

	"bulkhead/cgroup"
	"bulkhead/programs"
)

// TestOOM reads the kernel's counters: never the signal, and not a limit that
// was only touched.
func TestOOM(t *testing.T) {
	for _, tt := range []struct {
		name   string
		counts cgroup.Counts
		err    error
		want   programs.OOM
	}{
		{"nothing", cgroup.Counts{}, nil, programs.NoOOM},
		{"limits touched", cgroup.Counts{High: 9, Max: 9}, nil, programs.NoOOM},
		{"an allocation failed, nobody died", cgroup.Counts{Max: 9, OOM: 3}, nil, programs.NoOOM},
		{"its own limit", cgroup.Counts{Max: 9, OOM: 1, OOMKill: 1}, nil, programs.OwnOOM},
		{"all of it was taken", cgroup.Counts{OOM: 1, OOMKill: 3, OOMGroupKill: 1}, nil, programs.OwnOOM},
		{"a limit above", cgroup.Counts{OOMKill: 1}, nil, programs.HostOOM},
		{"not to be read", cgroup.Counts{OOM: 1, OOMKill: 1}, cgroup.ErrGone, programs.NoOOM},
	} {
		f := newFakeRun(t, true, nil)
		f.comp.counts, f.comp.err = tt.counts, tt.err
		if got := f.oom(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
