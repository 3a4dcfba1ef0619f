package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Session stands in for a run's [Group] where there is no cgroup v2: the
// processes of one session (the main process is started with setsid), all that
// descend from them, and all that ever did and have been seen. What double-forks
// into a session of its own between two looks escapes it; only a cgroup holds that.
// It has no limits: Apply does nothing, and what needs the kernel's help
// answers errors.ErrUnsupported.
type Session struct {
	table *processTable
	gauge gauge

	mu    sync.Mutex
	main  int
	birth uint64 // start time of main, against a number that was given out again
	seen  map[int]uint64
	peak  int64
}

// NewSession makes a session without processes; SetMain gives it its first.
func NewSession() *Session { return &Session{table: &hostProcesses, seen: map[int]uint64{}} }

// SetMain tells the main process, which must have been started with setsid and
// not been waited for yet.
func (s *Session) SetMain(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main, s.birth = pid, 0
	clear(s.seen)
	if p, ok := readProc(s.table.proc, pid); ok {
		s.birth = p.start
		s.seen[pid] = p.start
	}
}

// Adopt tells the main process of a session that an earlier supervisor has
// started, and its start time (field 22 of /proc/PID/stat); it may have ended.
func (s *Session) Adopt(pid int, start uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main, s.birth = pid, start
	clear(s.seen)
	if p, ok := readProc(s.table.proc, pid); ok && p.start == start {
		s.seen[pid] = start
	}
}

// Add makes processes members that were found to be: an earlier supervisor's.
func (s *Session) Add(pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range pids {
		if p, ok := readProc(s.table.proc, pid); ok {
			s.seen[pid] = p.start
			if s.main == 0 {
				s.main = pid // of no session that is known: birth stays 0
			}
		}
	}
}

// Procs are the session's live processes; zombies are not among them.
func (s *Session) Procs() ([]int, error) { return s.procs(0) }

// Recent is Procs by a look that may be a moment old, and serves all sessions: for
// who asks for each of many.
func (s *Session) Recent() ([]int, error) { return s.procs(tableAge) }

// procs is Procs by a process table that may be as old as age.
func (s *Session) procs(age time.Duration) ([]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.main == 0 {
		return nil, nil
	}
	all, err := s.table.read(age)
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

// Read sums Pss and SwapPss over the session's processes.
func (s *Session) Read() (Reading, error) {
	pids, err := s.procs(tableAge)
	if err != nil {
		return Reading{}, err
	}
	r, err := s.gauge.read(s.table.proc, pids)
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

// Strike reports false: no one call reaches a session.
func (s *Session) Strike() bool { return false }

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

// Charged is zero: nothing is charged to a session.
func (s *Session) Charged(bool) (current, swap int64, err error) { return 0, 0, nil }

// ReclaimCache answers errors.ErrUnsupported.
func (s *Session) ReclaimCache() error { return unsupported("write memory.reclaim") }

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
