package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Start starts one child and returns when it runs its command. It may be
// called from any goroutine, from many at once; a child that hangs holds up
// nobody else. When ctx ends first, the child is killed and the Error's cause
// is the context's.
//
// Every error is an *Error. The caller owns the Child and must take its status
// (TryWait) and Close it.
func Start(ctx context.Context, s Spec) (*Child, error) {
	if err := check(ctx, &s); err != nil {
		return nil, err
	}
	if seat := takeSeat(&s); seat != nil {
		c, err := start(ctx, &s, seat)
		if err != errRefused {
			return c, err
		}
	}
	return start(ctx, &s, nil)
}

// errRefused: the child cannot be born so, and may be forked.
var errRefused = errors.New("clone3 refused")

func start(ctx context.Context, s *Spec, seat *seat) (*Child, error) {
	p, err := newPlan(s, seat)
	if err != nil {
		return nil, err
	}
	fail := func(step, object string, err error) (*Child, error) {
		return nil, &Error{Command: s.Argv[0], Step: step, Object: object, Err: err}
	}
	if p.out, err = takeReport(); err != nil {
		p.release()
		return fail(StepPrepare, "report", err)
	}
	var (
		c    *Child
		late error // the context ended first
	)
	if seat != nil {
		c, late, err = shared(ctx, p, s)
	} else {
		c, late, err = forked(ctx, p, s)
	}
	if err != nil {
		giveReport(p.out)
		return nil, err
	}
	if late == nil && p.out.failure() == 0 && p.out.at() >= p.exec {
		c.Warnings = p.warnings()
		giveReport(p.out)
		return c, nil
	}
	step, object, cause := p.verdict(s, late)
	status, ended := c.bury(p.out)
	if cause == nil {
		cause = ErrDied
		if ended {
			cause = fmt.Errorf("%w: %v", ErrDied, status)
		}
	}
	return fail(step, object, cause)
}

// check refuses what can be seen beforehand.
func check(ctx context.Context, s *Spec) error {
	fail := func(step, object string, err error) error {
		command := ""
		if len(s.Argv) > 0 {
			command = s.Argv[0]
		}
		return &Error{Command: command, Step: step, Object: object, Err: err}
	}
	if err := Prepare(); err != nil {
		return fail(StepPrepare, "", err)
	}
	if err := ctx.Err(); err != nil {
		return fail(StepPrepare, "", err)
	}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return fail(StepExec, "", errors.New("no command"))
	}
	for _, list := range [][]string{{s.Dir}, s.Argv, s.Env} {
		for _, text := range list {
			if strings.IndexByte(text, 0) >= 0 {
				return fail(StepPrepare, text, errors.New("contains a NUL byte"))
			}
		}
	}
	return nil
}

// forked starts the child of p by a fork and returns once it has exec'd or is dead, or
// ctx has ended.
func forked(ctx context.Context, p *plan, s *Spec) (c *Child, late, err error) {
	defer p.release() // the child has copies
	c, done, err := birth(p, s)
	if err != nil {
		return nil, nil, err
	}
	return c, waitExec(ctx, done), nil
}

// birth forks. done reads as ended once the child has exec'd or is dead.
//
// The lock spans the pipe's write end too: a child of another start (here or
// in os/exec) that inherited it and hangs would keep done from ever ending.
func birth(p *plan, s *Spec) (c *Child, done *os.File, err error) {
	name := ""
	if s.CgroupFD >= 0 {
		name = cgroupName(s.CgroupFD)
		if machine.noClone3.Load() {
			err = p.moveInto(s.CgroupFD, name)
		} else {
			p.into(s.CgroupFD)
		}
		if err != nil {
			return nil, nil, &Error{Command: s.Argv[0], Step: StepJoinCgroup, Object: name, Err: err}
		}
	}
	pid, done, errno := p.forkLocked()
	if p.birth && clone3Refused(errno) {
		if err := p.moveInto(s.CgroupFD, name); err != nil {
			return nil, nil, &Error{Command: s.Argv[0], Step: StepJoinCgroup, Object: name, Err: err}
		}
		pid, done, errno = p.forkLocked()
	}
	if errno != 0 {
		return nil, nil, p.unborn(s, errno)
	}
	return &Child{PID: pid, PidFD: int(p.pidfd)}, done, nil
}

// unborn is the error of a clone.
func (p *plan) unborn(s *Spec, errno syscall.Errno) error {
	step, object := StepFork, ""
	if s.CgroupFD >= 0 {
		object = cgroupName(s.CgroupFD)
	}
	if p.birth {
		step = StepForkCgroup
	}
	return &Error{Command: s.Argv[0], Step: step, Object: object, Err: errno}
}

// clone3Refused tells whether the call itself is not to be had (old kernel,
// seccomp), and remembers it. EOPNOTSUPP may be about this cgroup alone.
func clone3Refused(errno syscall.Errno) bool {
	switch errno {
	case unix.ENOSYS, unix.EPERM, unix.E2BIG:
		machine.noClone3.Store(true)
		return true
	}
	return errno == unix.EOPNOTSUPP
}

func (p *plan) moveInto(dir int, name string) error {
	fd, err := unix.Openat(dir, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p.fds = append(p.fds, fd)
	p.joinCgroup(fd, name)
	return nil
}

func (p *plan) forkLocked() (pid int, done *os.File, errno syscall.Errno) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, nil, err.(syscall.Errno)
	}
	p.pipe(ends[1])
	pid, errno = fork(p)
	syscall.Close(ends[1])
	if errno != 0 {
		syscall.Close(ends[0])
		return 0, nil, errno
	}
	own(pid)
	return pid, os.NewFile(uintptr(ends[0]), "exec"), 0
}

// waitExec returns nil when the child has exec'd or is dead, else the
// context's error.
func waitExec(ctx context.Context, done *os.File) error {
	defer done.Close()
	if done.SetReadDeadline(time.Time{}) != nil { // Go's poller had no room for it
		return pollExec(ctx, done)
	}
	stop := context.AfterFunc(ctx, func() { done.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var b [1]byte
	if _, err := done.Read(b[:]); errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return nil
}

// pollExec is waitExec by looking again and again.
func pollExec(ctx context.Context, done *os.File) error {
	ready := []unix.PollFd{{Fd: int32(done.Fd()), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(ready, pollExecEvery); n > 0 || err != nil && err != unix.EINTR {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

const pollExecEvery = 10 // milliseconds

func (p *plan) warnings() []error {
	var all []error
	for _, w := range p.out.warning[:p.out.warnings] {
		s := p.steps[w.step]
		all = append(all, &Warning{Step: s.name, Object: s.object, Err: syscall.Errno(w.errno)})
	}
	return all
}

// verdict names the step that ended the start; cause is nil when the child
// died of something else than a step.
func (p *plan) verdict(s *Spec, late error) (step, object string, cause error) {
	at := p.out.at()
	if at < 0 {
		// Born, but not one instruction run: a frozen cgroup, most likely.
		step, object = StepFork, ""
		if s.CgroupFD >= 0 {
			step, object = StepForkCgroup, cgroupName(s.CgroupFD)
		}
		return step, object, late
	}
	step, object = p.steps[at].name, p.steps[at].object
	if late != nil {
		return step, object, late
	}
	errno := p.out.failure()
	if errno == 0 {
		return step, object, nil
	}
	if at >= p.exec {
		return explainExec(s, errno)
	}
	return step, object, errno
}

func cgroupName(fd int) string {
	if path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
		return path
	}
	return "descriptor " + strconv.Itoa(fd)
}
