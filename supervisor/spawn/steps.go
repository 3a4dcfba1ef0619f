package spawn

import (
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plan is everything a fork and its child need, prepared beforehand.
type plan struct {
	steps  []step
	exec   int // index of the first exec step
	closes int // index of the two steps that close descriptors around the pipe's; -1 none
	out    *report
	clone3 cloneArgs
	birth  bool  // in the cgroup, by clone3
	pidfd  int32 // where the kernel puts it
	pid    int32 // likewise, of a child that shares our memory; 0 before its birth
	seat   *seat // nil: the child is forked

	fds []int // opened for this start only
	pin runtime.Pinner
}

func (p *plan) add(name, object string, onErr failure, nr uintptr, arg ...uintptr) *step {
	s := step{nr: nr, onErr: onErr, name: name, object: object}
	copy(s.arg[:], arg)
	p.steps = append(p.steps, s)
	return &p.steps[len(p.steps)-1]
}

// addr keeps what ptr points to where it is until release.
func (p *plan) addr(ptr any, addr unsafe.Pointer) uintptr {
	p.pin.Pin(ptr)
	return uintptr(addr)
}

// text is a C string for the child. It must hold no NUL (checked by Start).
func (p *plan) text(s string) uintptr {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return p.addr(&b[0], unsafe.Pointer(&b[0]))
}

// list is a NULL-terminated array of C strings.
func (p *plan) list(ss []string) uintptr {
	size := 1
	for _, s := range ss {
		size += len(s) + 1
	}
	b := make([]byte, 0, size)
	a := make([]uintptr, len(ss)+1)
	base := p.addr(&b[:1][0], unsafe.Pointer(&b[:1][0]))
	for i, s := range ss {
		a[i] = base + uintptr(len(b))
		b = append(append(b, s...), 0)
	}
	return p.addr(&a[0], unsafe.Pointer(&a[0]))
}

// high returns fd, or a copy above 2 so that connecting 0, 1 and 2 one after
// the other does not overwrite it.
func (p *plan) high(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		p.fds = append(p.fds, n)
	}
	return n, err
}

// release must not be called while a child may still look at p's memory.
func (p *plan) release() {
	if p.seat != nil {
		p.seat.give()
		p.seat = nil
	}
	for _, fd := range p.fds {
		syscall.Close(fd)
	}
	p.fds = nil
	p.pin.Unpin()
}

// newPlan lists the steps of s. Descriptors come first, so that a child that
// hangs later (chdir into a dead NFS) holds none of the supervisor's; what
// needs root's rights comes before the user; the directory and the command
// after it, because they are to be reached with the user's rights.
//
// With a seat, which is the plan's then, the child shares our memory and descriptors;
// without, it is forked.
func newPlan(s *Spec, seat *seat) (*plan, error) {
	p := &plan{pidfd: -1, seat: seat, closes: -1}
	p.pin.Pin(p)
	var err error
	switch {
	case s.Foreground != nil:
		p.foreground(s.Foreground)
	case seat != nil:
		err = p.seated(s)
	default:
		err = p.background(s)
	}
	if err != nil {
		p.release()
		return nil, err
	}
	p.score(s.OOMScoreAdj)
	p.limits(s.Rlimits)
	if s.NiceSet {
		p.add(StepNice, strconv.Itoa(s.Nice), fatal, unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(s.Nice))
	}
	if s.Umask >= 0 {
		p.add(StepUmask, "0"+strconv.FormatInt(int64(s.Umask), 8), fatal, unix.SYS_UMASK, uintptr(s.Umask))
	}
	p.signals(s.Foreground)
	p.credential(s.Cred)
	if s.Dir != "" {
		p.add(StepChdir, s.Dir, fatal, unix.SYS_CHDIR, p.text(s.Dir))
	}
	p.command(s)
	return p, nil
}

// background gives the child its own outputs and session, and nothing else of ours.
func (p *plan) background(s *Spec) error {
	if err := p.stdio(s); err != nil {
		return err
	}
	p.closes = len(p.steps)
	// The bounds around the pipe's end are filled in when it is there. An old
	// kernel without close_range (before 5.9) has Prepare's CLOEXEC to go by.
	p.add(StepDescriptors, "", tolerate, unix.SYS_CLOSE_RANGE)
	p.add(StepDescriptors, "", tolerate, unix.SYS_CLOSE_RANGE)
	p.add(StepSession, "", fatal, unix.SYS_SETSID)
	return nil
}

// seated is background for a child with a seat. It leaves our table of descriptors first.
func (p *plan) seated(s *Spec) error {
	if err := p.seat.fill(s); err != nil {
		return err
	}
	p.add(StepDescriptors, "", fatal, unix.SYS_CLOSE_RANGE, uintptr(seats.last+1), uintptr(^uint32(0)), unix.CLOSE_RANGE_UNSHARE)
	for fd, from := range p.seat {
		p.connect(from, fd)
	}
	p.add(StepDescriptors, "", fatal, unix.SYS_CLOSE_RANGE, 3, uintptr(^uint32(0)))
	p.add(StepSession, "", fatal, unix.SYS_SETSID)
	return nil
}

// foreground takes CLOEXEC, which Prepare has set on everything, off what is to stay
// open. The table of descriptors is the child's own: a plain fork copies it.
func (p *plan) foreground(f *Foreground) {
	p.add(StepDeathSignal, "SIGKILL", fatal, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	for _, fd := range f.Keep {
		p.add(StepKeep, strconv.Itoa(fd), fatal, unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, 0)
	}
}

func (p *plan) stdio(s *Spec) error {
	for fd, from := range s.stdio() {
		from, err := p.high(from)
		if err != nil {
			return &Error{Command: s.Argv[0], Step: StepStdio, Object: stdioNames[fd], Err: err}
		}
		p.connect(from, fd)
	}
	return nil
}

func (p *plan) connect(from, fd int) {
	p.add(StepStdio, stdioNames[fd], fatal, unix.SYS_DUP3, uintptr(from), uintptr(fd), 0)
}

// stdio is what the child is to have as 0, 1 and 2.
func (s *Spec) stdio() [3]int {
	all := [3]int{s.Stdin, s.Stdout, s.Stderr}
	for fd, from := range all {
		if from < 0 || fd == 0 && from == 0 {
			all[fd] = machine.null
		}
	}
	return all
}

var stdioNames = [3]string{"stdin", "stdout", "stderr"}

// score sets oom_score_adj. Going below what was inherited needs
// CAP_SYS_RESOURCE; an operator without it wants the service up all the same.
func (p *plan) score(adj int) {
	text := strconv.Itoa(adj)
	at := unix.AT_FDCWD
	p.add(StepOOMScoreAdj, text, refused, unix.SYS_OPENAT,
		uintptr(at), p.text("/proc/self/oom_score_adj"), unix.O_WRONLY|unix.O_CLOEXEC)
	p.add(StepOOMScoreAdj, text, refused, unix.SYS_WRITE, 0, p.text(text), uintptr(len(text))).fd = true
	p.add(StepOOMScoreAdj, text, tolerate, unix.SYS_CLOSE).fd = true
}

func (p *plan) limits(limits []Rlimit) {
	has := func(resource int) bool {
		return slices.ContainsFunc(limits, func(l Rlimit) bool { return l.Resource == resource })
	}
	for _, l := range limits {
		p.limit(l, fatal)
	}
	if own, ok := bornNofile(); ok && !has(unix.RLIMIT_NOFILE) {
		p.limit(own, fatal)
	}
	if own := bornMemlock.Load(); own != nil && !has(unix.RLIMIT_MEMLOCK) {
		p.limit(*own, fatal)
	}
}

func (p *plan) limit(l Rlimit, onErr failure) {
	v := &[2]uint64{l.Soft, l.Hard}
	p.add(StepRlimit, rlimitText(l), onErr, unix.SYS_PRLIMIT64,
		0, uintptr(l.Resource), p.addr(v, unsafe.Pointer(v)), 0)
}

// signals sets every disposition to its default: exec resets handlers but
// keeps ignored signals ignored, and a supervisor may be born ignoring some
// (SIGINT and SIGQUIT from a shell's "&", SIGHUP from nohup). Then it lets
// through what the runtime blocked around the fork.
//
// A child in the foreground keeps those ignored that it is told to.
func (p *plan) signals(f *Foreground) {
	// struct kernel_sigaction and the mask, all zero: SIG_DFL, nothing blocked.
	zero := &[4]uint64{}
	addr := p.addr(zero, unsafe.Pointer(zero))
	const first, last, size = 1, 64, 8 // SIGKILL and SIGSTOP refuse, rightly
	p.add(StepSignals, "", tolerate, unix.SYS_RT_SIGACTION, first, addr, 0, size).last = last
	if f != nil && len(f.Ignored) > 0 {
		ignore := &[4]uint64{1} // SIG_IGN
		to := p.addr(ignore, unsafe.Pointer(ignore))
		for _, sig := range f.Ignored {
			p.add(StepSignals, unix.SignalName(sig), fatal, unix.SYS_RT_SIGACTION, uintptr(sig), to, 0, size)
		}
	}
	p.add(StepSignals, "", fatal, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, addr, 0, size)
}

func (p *plan) credential(c *Credential) {
	if c == nil || unix.Geteuid() != 0 && isSelf(c) {
		return
	}
	var groups uintptr
	if len(c.Groups) > 0 {
		own := append([]uint32(nil), c.Groups...)
		groups = p.addr(&own[0], unsafe.Pointer(&own[0]))
	}
	uid, gid := uintptr(c.UID), uintptr(c.GID)
	p.add(StepGroups, groupsText(c.Groups), fatal, unix.SYS_SETGROUPS, uintptr(len(c.Groups)), groups)
	p.add(StepGID, strconv.Itoa(int(c.GID)), fatal, unix.SYS_SETRESGID, gid, gid, gid)
	p.add(StepUID, strconv.Itoa(int(c.UID)), fatal, unix.SYS_SETRESUID, uid, uid, uid)
}

func isSelf(c *Credential) bool {
	uid, gid := int(c.UID), int(c.GID)
	return uid == unix.Getuid() && uid == unix.Geteuid() && gid == unix.Getgid() && gid == unix.Getegid()
}

// command tries each place where the command may be, as execvp(3) does, so
// that it is found with the user's rights and the lookup cannot be overtaken
// by a deployment.
func (p *plan) command(s *Spec) {
	p.exec = len(p.steps)
	argv, env := p.list(s.Argv), p.list(s.Env)
	for _, path := range Candidates(s.Argv[0], s.Env) {
		p.add(StepExec, path, tryNext, unix.SYS_EXECVE, p.text(path), argv, env)
	}
}

// joinCgroup puts the steps in front that move the child into the cgroup
// whose cgroup.procs is open at fd.
func (p *plan) joinCgroup(fd int, name string) {
	text := "0" // the writer itself
	s := step{nr: unix.SYS_WRITE, name: StepJoinCgroup, object: name,
		arg: [5]uintptr{uintptr(fd), p.text(text), uintptr(len(text))}}
	p.steps = append([]step{s}, p.steps...)
	p.exec++
	if p.closes >= 0 {
		p.closes++
	}
	p.birth = false
}

// pipe tells the steps which descriptor the child keeps until its exec.
func (p *plan) pipe(fd int) {
	if p.closes < 0 {
		return // it is close-on-exec
	}
	p.steps[p.closes].arg = [5]uintptr{3, uintptr(fd - 1)}
	p.steps[p.closes+1].arg = [5]uintptr{uintptr(fd + 1), uintptr(^uint32(0))}
}
