package oneoff

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"bulkhead/conf"
)

// memoryEvery is how often a waiting command looks at the host's memory.
const memoryEvery = 250 * time.Millisecond

// gate lets one command at a time look at the memory, start, and settle: its own
// memory is not in any reading before it has taken it.
type gate struct {
	dir  string
	need conf.Bytes
	read func() (conf.Bytes, error) // what is available now
}

// pass waits for its turn and for the memory. The hold is to be released when the command has
// settled. tell is called once with what there is, when it has to wait for memory, or with -1, on another goroutine, for the turn.
func (g gate) pass(ctx context.Context, wait bool, tell func(have conf.Bytes)) (*hold, error) {
	turn, err := g.turn(ctx, wait, tell)
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		have, err := g.read()
		if err == nil && have >= g.need {
			return turn, nil
		}
		if err == nil && !wait {
			err = &shortError{g.need, have}
		}
		if err == nil {
			if !told {
				tell(have)
				told = true
			}
			err = pause(ctx, memoryEvery)
		}
		if err != nil {
			turn.release()
			return nil, err
		}
	}
}

// turn waits until nobody else looks or settles.
func (g gate) turn(ctx context.Context, wait bool, tell func(conf.Bytes)) (*hold, error) {
	if wait {
		timer := time.AfterFunc(passing, func() { tell(-1) })
		defer timer.Stop()
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, passing, errTaken)
		defer cancel()
	}
	return awaitHold(ctx, filepath.Join(g.dir, ".memory.queue"))
}

// shortError: there is less memory than asked for.
type shortError struct{ need, have conf.Bytes }

func (e *shortError) Error() string {
	return fmt.Sprintf("%v of memory are available, less than %v", e.have, e.need)
}

// hostAvailable is MemAvailable: what can be had without swapping, by the kernel's own estimate.
func hostAvailable() (conf.Bytes, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("cannot read the host's memory: %v", err)
	}
	n, ok := parseAvailable(b)
	if !ok {
		return 0, fmt.Errorf("cannot find MemAvailable in /proc/meminfo")
	}
	return n, nil
}

// parseAvailable reads MemAvailable of /proc/meminfo, in KiB there (since Linux 3.14).
func parseAvailable(meminfo []byte) (conf.Bytes, bool) {
	for line := range bytes.Lines(meminfo) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == "MemAvailable:" {
			kib, err := strconv.ParseUint(string(f[1]), 10, 52)
			return conf.Bytes(kib) << 10, err == nil
		}
	}
	return 0, false
}
