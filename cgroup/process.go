package cgroup

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// process is what /proc/PID/stat says of one process.
type process struct {
	parent, session int
	start           uint64 // clock ticks after boot
	zombie          bool
}

// processTable is all of /proc, shared by the sessions: when two hundred of
// them are sampled in turn, one walk serves them all.
type processTable struct {
	proc string

	mu  sync.Mutex
	at  time.Time
	all map[int]process // never changed once made
}

var hostProcesses = processTable{proc: "/proc"}

// tableAge is how old a table may be for a reading: much less than the time
// between two samples of one session.
const tableAge = 250 * time.Millisecond

// read returns a table no older than age. Who waits for another's walk shares
// it if it began later: a thousand kills at once are one walk each round.
func (t *processTable) read(age time.Duration) (map[int]process, error) {
	arrived := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all != nil && (t.at.After(arrived) || time.Since(t.at) < age) {
		return t.all, nil
	}
	at := time.Now()
	all, err := readProcs(t.proc)
	if err != nil {
		return nil, err
	}
	t.all, t.at = all, at
	return all, nil
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
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	b, err := readRecord(proc+"/"+strconv.Itoa(pid)+"/stat", buf[:])
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
