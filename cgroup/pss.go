package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pssMost is how long a measurement holds at most for a process that seems not to
// change: what it shares with others may be shared with fewer, and what is swapped out
// may be as much as what came to be.
const pssMost = time.Minute

// gauge measures the processes of one run, which costs the kernel a walk of their page
// tables, and remembers what it found. The zero gauge has measured nothing.
type gauge struct {
	mu   sync.Mutex
	last []measured // by the order of the process ids
}

// measured is one process as it was measured last.
type measured struct {
	pid   int
	at    time.Time
	statm string // of then
	rollup
}

// rollup is what is used of a smaps_rollup, in bytes.
type rollup struct{ pss, swap, anon, shmem int64 }

// read sums Pss and SwapPss of the processes from /proc/PID/smaps_rollup (Linux 4.14):
// each shared page counts for its share. pids are in order. A process whose sizes in statm
// are what they were when it was measured, [pssMost] ago at most, is not measured again;
// statm may lag behind by some hundred pages for each processor that the process ran on.
// What cannot be read because it has ended counts nothing; when nothing of what still lives
// can be read, that is an error.
func (g *gauge) read(proc string, pids []int) (Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var r Reading
	var refused error
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	now := time.Now()
	known := g.last[:0] // in place: measure asks for a process before its place is taken
	if !slices.EqualFunc(g.last, pids, func(m measured, pid int) bool { return m.pid == pid }) {
		known = make([]measured, 0, len(pids))
	}
	for _, pid := range pids {
		m, err := g.measure(proc, pid, now, buf[:])
		switch {
		case err == nil:
			known = append(known, m)
			r.Measure += m.pss + m.swap
			r.Swap += m.swap
			r.Anon += m.anon
			r.Shmem += m.shmem
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		default:
			refused = err
		}
	}
	g.last = known
	if len(known) == 0 && refused != nil {
		return Reading{}, fmt.Errorf("cannot measure processes %d: %v", pids, refused)
	}
	r.Current = r.Measure - r.Swap
	r.MeasureFromCurrent = r.Measure
	r.At = time.Now()
	return r, nil
}

func (g *gauge) measure(proc string, pid int, now time.Time, buf []byte) (measured, error) {
	dir := proc + "/" + strconv.Itoa(pid)
	var last measured
	if i, ok := slices.BinarySearchFunc(g.last, pid, func(m measured, pid int) int { return m.pid - pid }); ok {
		last = g.last[i]
	}
	statm, err := readRecord(dir+"/statm", buf)
	if err != nil {
		return measured{}, err
	}
	if last.pid != 0 && string(statm) == last.statm && now.Sub(last.at) < pssMost {
		return last, nil
	}
	m := measured{pid: pid, at: now, statm: string(statm)}
	b, err := readRecord(dir+"/smaps_rollup", buf)
	if err != nil {
		return measured{}, err
	}
	m.rollup = parseRollup(b)
	return m, nil
}

func parseRollup(b []byte) (r rollup) {
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		kb, rest, ok := leadingInt(bytes.TrimLeft(value, " "))
		if !ok || !bytes.HasPrefix(rest, []byte(" kB")) {
			continue
		}
		n := min(kb, 1<<50) << 10
		switch string(key) {
		case "Pss":
			r.pss = n
		case "SwapPss":
			r.swap = n
		case "Pss_Anon": // since Linux 5.9
			r.anon = n
		case "Pss_Shmem":
			r.shmem = n
		}
	}
	return r
}
