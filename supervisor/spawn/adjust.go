package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Adjustment is what can be changed of a process that runs already; nil leaves as is.
type Adjustment struct {
	OOMScoreAdj *int // -1000 to 1000; lower than it was born with takes CAP_SYS_RESOURCE
	Nice        *int // -20 to 19, of all its threads; lower takes CAP_SYS_NICE
	Rlimits     []Rlimit
}

// Adjust changes a process, as far as it gets: the error joins all that failed. A
// process that has ended meanwhile is no error.
func Adjust(pid int, a Adjustment) error {
	var failed []error
	try := func(what string, err error) {
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			failed = append(failed, fmt.Errorf("cannot set %s of process %d: %v", what, pid, err))
		}
	}
	if a.OOMScoreAdj != nil {
		text := strconv.Itoa(*a.OOMScoreAdj)
		try("oom_score_adj "+text, os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(text), 0))
	}
	if a.Nice != nil {
		try("nice "+strconv.Itoa(*a.Nice), renice(pid, *a.Nice))
	}
	for _, l := range a.Rlimits {
		limit := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
		try("resource limit "+rlimitText(l), unix.Prlimit(pid, l.Resource, &limit, nil))
	}
	return errors.Join(failed...)
}

// OOMScoreAdj reads the oom_score_adj of a process, -1000 to 1000. All its threads
// have the same (it is of the kernel's signal_struct).
func OOMScoreAdj(pid int) (int, error) {
	var buf [16]byte
	text, err := readProc(pid, "oom_score_adj", buf[:])
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(bytes.TrimSpace(text)))
}

// renice sets the nice value of every thread: on Linux it is a thread's own (setpriority(2)).
func renice(pid, nice int) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
