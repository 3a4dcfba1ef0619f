package oneoff

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/spawn"
)

func TestOOMText(t *testing.T) {
	limited, free := conf.Limits{MemoryMax: 512 << 20}, conf.Limits{MemoryMax: conf.Unlimited}
	for _, tt := range []struct {
		limits conf.Limits
		counts cgroup.Counts
		want   string
	}{
		{limited, cgroup.Counts{}, ""},
		{limited, cgroup.Counts{High: 9, Max: 9, OOM: 1}, ""}, // an allocation that failed, and nobody died
		{limited, cgroup.Counts{OOM: 3, OOMKill: 1, OOMGroupKill: 1},
			"unzip: killed by the kernel: out of memory in its own compartment: memory_max 512M was hit, peak 500M"},
		{limited, cgroup.Counts{OOMKill: 1},
			"unzip: killed by the kernel: out of memory on the host or in a cgroup above, not in its own compartment: memory_max 512M, peak 500M"},
		{free, cgroup.Counts{OOMGroupKill: 1},
			"unzip: killed by the kernel: out of memory on the host or in a cgroup above, not in its own compartment: no memory_max, peak 500M"},
	} {
		if got := oomText("unzip", tt.limits, tt.counts, 500<<20); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.counts, got, tt.want)
		}
	}
}

func TestCodes(t *testing.T) {
	step := func(step string, err error) error { return &spawn.Error{Command: "x", Step: step, Err: err} }
	for _, tt := range []struct {
		err  error
		want int
	}{
		{step(spawn.StepExec, syscall.ENOENT), 127},
		{step(spawn.StepExec, fmt.Errorf("not found: %w", syscall.ENOENT)), 127},
		{step(spawn.StepExec, syscall.ENOTDIR), 127},
		{step(spawn.StepExec, syscall.EACCES), 126},
		{step(spawn.StepExec, syscall.ENOEXEC), 126},
		{step(spawn.StepFork, syscall.EAGAIN), 125},
		{step(spawn.StepForkCgroup, syscall.ENOENT), 125},
		{errors.New("x"), 125},
	} {
		if got := startCode(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
	for want, s := range map[int]spawn.Status{0: {}, 12: {Code: 12}, 137: {Code: -1, Signal: syscall.SIGKILL}, 130: {Code: -1, Signal: syscall.SIGINT}} {
		if got := statusCode(s); got != want {
			t.Errorf("%v: %d, want %d", s, got, want)
		}
	}
	for err, want := range map[error]int{
		errTaken: 75, errTimedOut: 75, stopped{syscall.SIGTERM}: 143, errors.New("cannot lock"): 125,
	} {
		if got, _ := refusal(err, "x"); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

func TestHeldBy(t *testing.T) {
	for _, tt := range []struct {
		pids  []int
		slots int
		want  string
	}{
		{nil, 4, "others are before it"},
		{[]int{7}, 1, "its one slot is held by pid 7"},
		{[]int{7, 8}, 2, "its 2 slots are held by pid 7, 8"},
	} {
		if got := heldBy(tt.pids, tt.slots); got != tt.want {
			t.Errorf("%v of %d: %q, want %q", tt.pids, tt.slots, got, tt.want)
		}
	}
}

func TestBudget(t *testing.T) {
	start := conf.Table{MemoryTotal: 8 << 30, Reserve: 1 << 30}.With("queue", 4<<30)
	running := []cgroup.Oneoff{
		{Label: "unzip", Owner: cgroup.Owner{PID: 7}, MemoryMax: 2 << 30},
		{Label: "tar", Owner: cgroup.Owner{PID: 8}, MemoryMax: cgroup.Unlimited},
	}
	if got := budget(start, running, "unzip", 1<<30); got.Exceeded() || got.Promised != 7<<30 {
		t.Errorf("exactly all: %+v", got)
	}
	got := budget(start, running, "unzip", 2<<30)
	const want = "cannot promise 8G to programs (queue 4G, unzip (pid 7) 2G, unzip 2G): of 8G of memory less 1G reserve there are 7G"
	if !got.Exceeded() || got.Explain() != want {
		t.Errorf("%s\nwant\n%s", got.Explain(), want)
	}
}
