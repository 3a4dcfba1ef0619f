package oneoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/supervisor/spawn"
)

// errTaken: somebody else has it, and we do not wait.
var errTaken = errors.New("taken")

// hold is an flock(2) on a file. The file says who has it, and stays: who would
// remove it would take it from under those that wait.
type hold struct{ file *os.File }

func openHold(path string) (*hold, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock: %v", err)
	}
	return &hold{f}, nil
}

// tryHold is errTaken when somebody has it.
func tryHold(path string) (*hold, error) {
	h, err := openHold(path)
	if err != nil {
		return nil, err
	}
	if err := h.lock(unix.LOCK_NB); err != nil {
		h.file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, fmt.Errorf("cannot lock %q: %v", path, err)
	}
	return h, nil
}

func (h *hold) lock(flags int) error {
	for {
		err := unix.Flock(int(h.file.Fd()), unix.LOCK_EX|flags)
		if err != unix.EINTR {
			return err
		}
	}
}

// awaitHold waits until it is free: the kernel hands it over in order of arrival (since
// Linux 5.0, fs/locks.c: a waiter blocks the next one). When ctx ends first the
// error is its cause.
func awaitHold(ctx context.Context, path string) (*hold, error) {
	h, err := openHold(path)
	if err != nil {
		return nil, err
	}
	got := make(chan error, 1)
	go func() { got <- h.lock(0) }()
	select {
	case err = <-got:
	case <-ctx.Done():
		go func() { // its turn comes all the same
			if <-got == nil {
				h.release()
			}
		}()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %q: %v", path, err)
	}
	return h, nil
}

// sign writes down who has it, for messages alone.
func (h *hold) sign() {
	start, _ := spawn.StartTime(os.Getpid())
	if h.file.Truncate(0) == nil {
		_, _ = h.file.WriteAt(fmt.Appendf(nil, "%d %d\n", os.Getpid(), start), 0)
	}
}

// release is for nil, too.
func (h *hold) release() {
	if h == nil {
		return
	}
	_ = h.file.Truncate(0)
	h.file.Close()
}

// holder reads who has signed; 0 for nobody that lives.
func holder(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, start, ok := parseSignature(b)
	if !ok {
		return 0
	}
	if now, err := spawn.StartTime(pid); err != nil || now != start {
		return 0 // it was killed, and the number may be another's by now
	}
	return pid
}

// parseSignature reads "PID START\n".
func parseSignature(b []byte) (pid int, start uint64, ok bool) {
	line, _, found := bytes.Cut(b, []byte("\n"))
	first, second, two := strings.Cut(string(line), " ")
	n, err1 := strconv.ParseUint(first, 10, 31)
	start, err2 := strconv.ParseUint(second, 10, 64)
	return int(n), start, found && two && n > 0 && err1 == nil && err2 == nil
}

// A lock of n slots is a file per slot and one for the queue. Only who holds the
// queue takes a slot, so what it counts does not change but for the better.
type turnstile struct {
	dir, name string
	slots     int
}

func (t turnstile) queue() string     { return filepath.Join(t.dir, t.name+".queue") }
func (t turnstile) slot(n int) string { return filepath.Join(t.dir, t.name+".slot."+strconv.Itoa(n)) }

const (
	// lookEvery is how soon the head of the queue sees that a slot is free.
	lookEvery = 20 * time.Millisecond
	// passing is how long the queue may be held by who does not wait in it, and a wait
	// that is not worth a word.
	passing = 250 * time.Millisecond
)

// take waits for a slot; without wait the error is errTaken when there is none.
// tell is called once when that takes longer than a moment, with the pids that hold slots,
// as far as they are known; on another goroutine.
func (t turnstile) take(ctx context.Context, wait bool, tell func(holders []int)) (*hold, error) {
	queueing := ctx
	if wait {
		timer := time.AfterFunc(passing, func() { tell(t.holders()) })
		defer timer.Stop()
	} else {
		var cancel context.CancelFunc
		queueing, cancel = context.WithTimeoutCause(ctx, passing, errTaken)
		defer cancel()
	}
	queue, err := awaitHold(queueing, t.queue())
	if err != nil {
		return nil, err
	}
	defer queue.release()
	for {
		slot, err := t.pick()
		if err != nil || slot != nil {
			return slot, err
		}
		if !wait {
			return nil, errTaken
		}
		if err := pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

// pick takes a free slot, if fewer than the slots are held. Others may have used
// the same name with more of them: theirs count as well.
func (t turnstile) pick() (*hold, error) {
	all, err := t.known()
	if err != nil {
		return nil, err
	}
	var mine *hold
	held := 0
	for _, n := range all {
		h, err := tryHold(t.slot(n))
		switch {
		case errors.Is(err, errTaken):
			held++
		case err != nil:
			mine.release()
			return nil, err
		case mine == nil && n < t.slots:
			mine = h
		default:
			h.release()
		}
	}
	if held >= t.slots || mine == nil {
		mine.release()
		return nil, nil
	}
	mine.sign()
	return mine, nil
}

// known are the numbers of our slots and of those that others have made.
func (t turnstile) known() ([]int, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list locks: %v", err)
	}
	var all []int
	for n := range t.slots {
		all = append(all, n)
	}
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), t.name+".slot.")
		if n, err := strconv.Atoi(text); ok && err == nil && n >= t.slots && strconv.Itoa(n) == text {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// holders are the living that have signed a slot.
func (t turnstile) holders() []int {
	all, _ := t.known()
	var pids []int
	for _, n := range all {
		if pid := holder(t.slot(n)); pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// pause is a sleep that ends with ctx, with its cause.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
