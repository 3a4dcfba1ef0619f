package oneoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/spawn"
)

const (
	// birthMost bounds a start, from the fork to the command's exec.
	birthMost = 30 * time.Second
	// leftoverGrace is for what ends with the command, but a moment later: the first parts of a pipe.
	leftoverGrace = 100 * time.Millisecond
)

// Run runs the command of a plan to its end and returns the exit code for this
// process. It takes over signals and descriptors: it is what the process is for. Its
// goroutine stays locked to its thread.
func Run(p Plan) int {
	r := &runner{Plan: p}
	defer func() {
		for _, undo := range slices.Backward(r.undo) {
			undo()
		}
	}()
	code, err := r.run()
	if err != nil {
		p.Say("%v", err)
	}
	return code
}

type runner struct {
	Plan
	heard     chan os.Signal
	ignored   []syscall.Signal
	inherited []int
	cgroups   *cgroup.Oneoffs
	gate      *hold
	undo      []func()
}

// stopped: a signal came before there was a command to forward it to.
type stopped struct{ sig syscall.Signal }

func (s stopped) Error() string { return "stopped by " + s.sig.String() + " before its start" }

// errTimedOut: the wait was bounded, and is over.
var errTimedOut = errors.New("the wait is over")

func (r *runner) run() (code int, err error) {
	runtime.LockOSThread() // spawn.Foreground
	if r.inherited, err = spawn.Inherited(); err != nil {
		return ExitFailed, err
	}
	r.heard, r.ignored = listen()
	if err := r.open(); err != nil {
		return ExitFailed, err
	}
	if code, err := r.turn(); err != nil {
		return code, err
	}
	group, code, err := r.compartment()
	if err != nil {
		return code, err
	}
	return r.command(group)
}

// open finds out what can be held, and says what cannot.
func (r *runner) open() (err error) {
	if r.cgroups, err = cgroup.OpenOneoffs(cgroup.Options{Mode: r.Cgroup}); err != nil {
		return err
	}
	r.undo = append(r.undo, r.cgroups.Leave)
	missing := flagsOf(r.cgroups.Missing(limitsOf(r.Limits)))
	switch {
	case missing == "":
	case r.Cgroup == "require":
		return fmt.Errorf("cannot hold %s: %s", missing, r.cgroups.Why())
	default:
		r.Say("%s; goes on without %s", r.cgroups.Why(), missing)
	}
	if err := r.cgroups.Sweep(); err != nil {
		r.Say("cannot clean up after a killed command: %v", err)
	}
	return nil
}

// turn waits for a slot of the lock, then for memory.
func (r *runner) turn() (int, error) {
	if r.Lock == "" && r.MinAvailable == 0 && !r.counts() {
		return 0, nil
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return ExitFailed, fmt.Errorf("cannot make the folder of locks, name another by --lock-dir: %v", err)
	}
	ctx, end := r.waiting()
	defer end()
	if r.Lock != "" {
		t := turnstile{r.Dir, r.Lock, r.Slots}
		slot, err := t.take(ctx, r.Wait != 0, func(pids []int) {
			r.Say("%s: waits for lock %q: %s", r.label(), r.Lock, heldBy(pids, r.Slots))
		})
		if err != nil {
			return refusal(err, fmt.Sprintf("%s: cannot have lock %q: %s", r.label(), r.Lock, heldBy(t.holders(), r.Slots)))
		}
		r.undo = append(r.undo, slot.release)
		// Who held the slot may have been killed, and its command's processes live on.
		if err := r.cgroups.Sweep(); err != nil {
			r.Say("cannot clean up after a killed command: %v", err)
		}
	}
	if r.MinAvailable == 0 {
		return 0, nil
	}
	g := gate{r.Dir, r.MinAvailable, r.available}
	hold, err := g.pass(ctx, r.Wait != 0, func(have conf.Bytes) {
		if have < 0 {
			r.Say("%s: waits for its turn to look for %v of memory", r.label(), r.MinAvailable)
			return
		}
		r.Say("%s: waits for %v of available memory: there are %v", r.label(), r.MinAvailable, have)
	})
	if err != nil {
		var short *shortError
		if errors.As(err, &short) {
			return ExitTempFail, fmt.Errorf("%s: not started: %w", r.label(), short)
		}
		return refusal(err, fmt.Sprintf("%s: cannot have %v of available memory", r.label(), r.MinAvailable))
	}
	r.gate = hold
	r.undo = append(r.undo, hold.release)
	return 0, nil
}

// waiting is a context that ends with the bound of the wait, and with a signal.
func (r *runner) waiting() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	over := func() {}
	if r.Wait > 0 {
		ctx, over = context.WithTimeoutCause(ctx, r.Wait, errTimedOut)
	}
	done := make(chan struct{})
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		select {
		case sig := <-r.heard:
			cancel(stopped{sig.(syscall.Signal)})
		case <-done:
		}
	}()
	return ctx, func() {
		close(done)
		<-rest
		if s, ok := context.Cause(ctx).(stopped); ok {
			r.heard <- s.sig // too late for the wait: it is for the command
		}
		over()
		cancel(nil)
	}
}

// refusal is the exit code for a wait that was in vain, and what to say.
func refusal(err error, text string) (int, error) {
	var s stopped
	switch {
	case errors.As(err, &s):
		return exitSignal + int(s.sig), fmt.Errorf("%s: %w", text, s)
	case errors.Is(err, errTaken), errors.Is(err, errTimedOut):
		return ExitTempFail, fmt.Errorf("%s: not started: %w", text, err)
	}
	return ExitFailed, err
}

// heldBy names the processes that hold slots, as far as they are known.
func heldBy(pids []int, slots int) string {
	if len(pids) == 0 {
		return "others are before it"
	}
	words := make([]string, len(pids))
	for i, pid := range pids {
		words[i] = strconv.Itoa(pid)
	}
	one := "its one slot is"
	if slots > 1 {
		one = fmt.Sprintf("its %d slots are", slots)
	}
	return fmt.Sprintf("%s held by pid %s", one, strings.Join(words, ", "))
}

// available is what a command started now could have: of the host, or of the
// cgroups above it, where that is less.
func (r *runner) available() (conf.Bytes, error) {
	host, err := hostAvailable()
	return min(host, conf.Bytes(r.cgroups.Room())), err
}

// counts says that the memory budget is to be kept.
func (r *runner) counts() bool {
	return r.Overcommit != "allow" && len(r.cgroups.Missing(cgroup.Limits{MemoryMax: 1, MemorySwapMax: cgroup.Unlimited})) == 0
}

// compartment makes the command's cgroup, nil where there is none to be had.
func (r *runner) compartment() (*cgroup.Group, int, error) {
	if r.cgroups.Mode() == cgroup.None {
		return nil, 0, nil
	}
	if r.counts() {
		// Nobody else counts until ours is there to be counted.
		ctx, end := r.waiting()
		defer end()
		one, err := awaitHold(ctx, filepath.Join(r.Dir, ".budget.queue"))
		if err != nil {
			code, err := refusal(err, r.label()+": cannot count the memory that is promised")
			return nil, code, err
		}
		defer one.release()
		if err := r.afford(); err != nil {
			return nil, ExitTempFail, err
		}
	}
	g, err := r.cgroups.New(r.label(), limitsOf(r.Limits))
	if err != nil {
		return nil, ExitFailed, err
	}
	r.undo = append(r.undo, func() {
		if err := g.Clear(); err != nil {
			r.Say("%v", err)
		}
		g.Close()
	})
	return g, 0, nil
}

// afford keeps the budget.
func (r *runner) afford() error {
	promised, err := r.Promised()
	if err != nil {
		return err
	}
	running, err := r.cgroups.List()
	if err != nil {
		return err
	}
	t := budget(promised, running, r.label(), r.Limits.MemoryMax)
	switch {
	case !t.Exceeded():
	case r.Overcommit == "deny":
		return fmt.Errorf("%s: not started: %s", r.label(), t.Explain())
	default:
		r.Say("warning: %s", t.Explain())
	}
	return nil
}

// command starts the command and stays with it.
func (r *runner) command(group *cgroup.Group) (int, error) {
	fd := -1
	if group != nil {
		fd = group.FD()
	}
	ctx, cancel := context.WithTimeout(context.Background(), birthMost)
	child, err := spawn.Start(ctx, spawn.Spec{
		Argv: r.Argv, Env: os.Environ(), Umask: -1, OOMScoreAdj: r.Score, CgroupFD: fd,
		Foreground: &spawn.Foreground{Keep: r.inherited, Ignored: r.ignored},
	})
	cancel()
	if err != nil {
		if text, killed := r.oom(group); killed {
			return exitSignal + int(syscall.SIGKILL), errors.New(text)
		}
		return startCode(err), err
	}
	defer child.Close()
	for _, w := range child.Warnings {
		r.Say("%s: %v: only root may lower it; it runs with the score it inherited", r.label(), w)
	}
	if r.gate != nil {
		time.AfterFunc(r.Settle, r.gate.release)
	}
	status, err := r.attend(child)
	if err != nil {
		return ExitFailed, err
	}
	text, killed := r.oom(group)
	if killed {
		r.Say("%s", text)
	}
	r.leftovers(group)
	return statusCode(status), nil
}

// attend passes signals on until the command's main process has ended.
func (r *runner) attend(child *spawn.Child) (spawn.Status, error) {
	type end struct {
		spawn.Status
		error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := child.Wait()
		ended <- end{status, err}
	}()
	for {
		select {
		case sig := <-r.heard:
			if sig := sig.(syscall.Signal); !fromTerminal(sig) {
				if err := child.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
					r.Say("%s: %v", r.label(), err)
				}
			}
		case e := <-ended:
			return e.Status, e.error
		}
	}
}

// oom asks the kernel's own counters whether the command was killed for want of memory.
func (r *runner) oom(group *cgroup.Group) (string, bool) {
	if group == nil || r.cgroups.Mode() != cgroup.Enforced {
		return "", false
	}
	counts, err := group.Counts()
	if err != nil {
		return "", false
	}
	reading, _ := group.Read() // the peak is a word of the message
	text := oomText(r.label(), r.Limits, counts, reading.Peak)
	return text, text != ""
}

// leftovers says that something of the command is still there, which Clear kills.
func (r *runner) leftovers(group *cgroup.Group) {
	if group == nil {
		return
	}
	for began := time.Now(); time.Since(began) < leftoverGrace; time.Sleep(5 * time.Millisecond) {
		if populated, err := group.Populated(); err != nil || !populated {
			return
		}
	}
	if pids, err := group.Procs(); err == nil && len(pids) > 0 {
		noun := "process"
		if len(pids) > 1 {
			noun = "processes"
		}
		r.Say("%s: ended, and what it left running is killed: %d %s", r.label(), len(pids), noun)
	}
}

func limitsOf(l conf.Limits) cgroup.Limits {
	return cgroup.Limits{
		MemoryMin:     int64(l.MemoryMin),
		MemoryLow:     int64(l.MemoryLow),
		MemoryHigh:    int64(l.MemoryHigh),
		MemoryMax:     int64(l.MemoryMax),
		MemorySwapMax: int64(l.MemorySwapMax),
		CPUWeight:     l.CPUWeight,
		CPUMax:        l.CPUMax,
		IOWeight:      l.IOWeight,
		PidsMax:       l.PidsMax,
	}
}
