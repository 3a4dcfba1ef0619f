package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Session stands in for a run's [Group] where there is no cgroup v2: the
// processes of one session (the main process is started with setsid), all that
// descend from them, and all that ever did and have been seen. What double-forks
// into a session of its own between two looks escapes it; only a cgroup holds that.
// It has no limits: Apply does nothing, and what needs the kernel's help
// answers errors.ErrUnsupported.
type Session struct {
	proc string

	mu    sync.Mutex
	main  int
	birth uint64 // start time of main, against a number that was given out again
	seen  map[int]uint64
	peak  int64
}

// NewSession makes a session without processes; SetMain gives it its first.
func NewSession() *Session { return &Session{proc: "/proc", seen: map[int]uint64{}} }

// SetMain tells the main process, which must have been started with setsid and
// not been waited for yet.
func (s *Session) SetMain(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main, s.birth = pid, 0
	clear(s.seen)
	if p, ok := readProc(s.proc, pid); ok {
		s.birth = p.start
		s.seen[pid] = p.start
	}
}

// Procs are the session's live processes; zombies are not among them.
func (s *Session) Procs() ([]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.main == 0 {
		return nil, nil
	}
	all, err := readProcs(s.proc)
	if err != nil {
		return nil, err
	}
	s.seen = members(all, s.main, s.birth, s.seen)
	pids := make([]int, 0, len(s.seen))
	for pid := range s.seen {
		if !all[pid].zombie {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// members decides who belongs: those known before, those of the main process's
// session, and their descendants. Zombies are members too: their children may
// not have been given to another parent yet. A number that means another
// process now (another start time) is a stranger; when that is main's number,
// its session has died out before, since the kernel gives no number out again that a session still uses.
func members(all map[int]process, main int, birth uint64, known map[int]uint64) map[int]uint64 {
	in := map[int]uint64{}
	m, ok := all[main]
	session := birth != 0 && (!ok || m.start == birth)
	for pid, p := range all {
		if start, ok := known[pid]; ok && start == p.start || session && p.session == main {
			in[pid] = p.start
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			if _, ok := in[pid]; ok {
				continue
			}
			if _, ok := in[p.parent]; ok {
				in[pid] = p.start
				grown = true
			}
		}
	}
	return in
}

// process is what /proc/PID/stat says of one process.
type process struct {
	parent, session int
	start           uint64 // clock ticks after boot
	zombie          bool
}

func readProcs(proc string) (map[int]process, error) {
	dir, err := os.Open(proc)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %v", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %v", err)
	}
	all := map[int]process{}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := readProc(proc, pid); ok {
				all[pid] = p
			}
		}
	}
	return all, nil
}

func readProc(proc string, pid int) (process, bool) {
	b, err := readAt(unix.AT_FDCWD, proc+"/"+strconv.Itoa(pid)+"/stat")
	if err != nil {
		return process{}, false
	}
	return parseProc(b)
}

// parseProc reads /proc/PID/stat. The second field, the command's name, may
// hold blanks and parentheses: what follows the last parenthesis counts.
func parseProc(b []byte) (process, bool) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return process{}, false
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 20 {
		return process{}, false
	}
	parent, err1 := strconv.Atoi(string(f[1]))
	session, err2 := strconv.Atoi(string(f[3]))
	start, err3 := strconv.ParseUint(string(f[19]), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return process{}, false
	}
	state := string(f[0])
	return process{parent, session, start, state == "Z" || state == "X"}, true
}

// Read sums Pss and SwapPss over the session's processes.
func (s *Session) Read() (Reading, error) {
	pids, err := s.Procs()
	if err != nil {
		return Reading{}, err
	}
	r, err := sumPss(s.proc, pids)
	if err != nil {
		return Reading{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak = max(s.peak, r.Measure)
	r.Peak = s.peak
	return r, nil
}

// Populated tells whether a live process is left.
func (s *Session) Populated() (bool, error) {
	pids, err := s.Procs()
	return len(pids) > 0, err
}

// Signal sends sig to every process of the session, as [Group.Signal] does.
func (s *Session) Signal(sig syscall.Signal) error { return signalAll(s.Procs, sig) }

// Kill kills every process of the session until none is left, 5 s at most. It
// never reaps: a dead main process stays for whoever waits for it.
func (s *Session) Kill() error { return killUntilEmpty(s.Procs) }

// Remove answers ErrBusy while processes are left, and otherwise has nothing to do.
func (s *Session) Remove() error {
	populated, err := s.Populated()
	if err == nil && populated {
		return fmt.Errorf("cannot give up session %d: %w", s.main, ErrBusy)
	}
	return err
}

// The rest of Group's methods, which need the kernel.

// Path is "": there is no directory.
func (s *Session) Path() string { return "" }

// ID is 0: there is no cgroup.
func (s *Session) ID() uint64 { return 0 }

// FD is -1: start the process without UseCgroupFD.
func (s *Session) FD() int { return -1 }

// Close does nothing.
func (s *Session) Close() {}

// Apply does nothing: [Tree.Why] has said that limits are not held.
func (s *Session) Apply(Limits) error { return nil }

// Counts are all zero: nobody counts.
func (s *Session) Counts() (Counts, error) { return Counts{}, nil }

// SetHigh answers errors.ErrUnsupported.
func (s *Session) SetHigh(int64) error { return unsupported("write memory.high") }

// Reclaim answers errors.ErrUnsupported.
func (s *Session) Reclaim(int64) error { return unsupported("reclaim") }

// EventsFD answers errors.ErrUnsupported.
func (s *Session) EventsFD() (int, error) { return -1, unsupported("watch memory events") }

// PopulatedFD answers errors.ErrUnsupported: look again after the main process
// has been waited for.
func (s *Session) PopulatedFD() (int, error) { return -1, unsupported("watch processes") }

// PressureTrigger answers errors.ErrUnsupported.
func (s *Session) PressureTrigger(bool, time.Duration, time.Duration) (int, error) {
	return -1, unsupported("watch memory pressure")
}

func unsupported(verb string) error {
	return fmt.Errorf("cannot %s without a cgroup: %w", verb, errors.ErrUnsupported)
}
