package replay

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reading is the host's memory at one moment.
type reading struct {
	at        time.Duration // since the begin of the run
	available int64         // bytes, MemAvailable
	full      time.Duration // how long all tasks have waited for memory since the boot
	kills     int64         // of the OOM killer since the boot, those in compartments too
}

// parseReading takes the texts of /proc/meminfo, /proc/pressure/memory and /proc/vmstat.
func parseReading(meminfo, pressure, vmstat []byte) (r reading, err error) {
	kib, err := numberAfter(meminfo, "MemAvailable:")
	if err != nil {
		return r, err
	}
	at := bytes.Index(pressure, []byte("full "))
	if at < 0 {
		return r, fmt.Errorf("cannot find full in %q", pressure)
	}
	µs, err := numberAfter(bytes.ReplaceAll(pressure[at:], []byte("total="), []byte("\ntotal= ")), "total=")
	if err != nil {
		return r, err
	}
	kills, err := numberAfter(vmstat, "oom_kill ")
	return reading{available: kib << 10, full: time.Duration(µs) * time.Microsecond, kills: kills}, err
}

// numberAfter is the number behind the words that a line begins with.
func numberAfter(text []byte, words string) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(words))
		if f := bytes.Fields(rest); ok && len(f) > 0 {
			return strconv.ParseInt(string(f[0]), 10, 64)
		}
	}
	return 0, fmt.Errorf("cannot find %q", words)
}

// kill is one of the kernel's for want of memory.
type kill struct {
	pid     int
	command string // the process' comm
	host    bool   // the host was out of memory; else a cgroup was at its limit
}

// killLine is of mm/oom_kill.c, __oom_kill_process, since Linux 5.0.
var killLine = regexp.MustCompile(`(Memory cgroup out of memory|Out of memory): Killed process (\d+) \(([^)]*)\)`)

// parseKill reads a record of /dev/kmsg.
func parseKill(record string) (k kill, ok bool) {
	m := killLine.FindStringSubmatch(record)
	if m == nil {
		return k, false
	}
	k.pid, _ = strconv.Atoi(m[2]) // digits
	k.command, k.host = m[3], m[1] == "Out of memory"
	return k, true
}

func TestReading(t *testing.T) {
	meminfo := []byte("MemTotal:        2010532 kB\nMemFree:          123 kB\nMemAvailable:    1523456 kB\n")
	pressure := []byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n")
	vmstat := []byte("oom_kill_disable 9\nnr_free 1\noom_kill 3\n")
	got, err := parseReading(meminfo, pressure, vmstat)
	if want := (reading{available: 1523456 << 10, full: 2500 * time.Millisecond, kills: 3}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for i, bad := range [][3][]byte{{nil, pressure, vmstat}, {meminfo, []byte("some total=1\n"), vmstat}, {meminfo, pressure, []byte("oom_kill_x 1\n")}} {
		if _, err := parseReading(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("text %d is missing, and nothing is said", i)
		}
	}
}

func TestKill(t *testing.T) {
	for record, want := range map[string]kill{
		"3,700,1,-;Out of memory: Killed process 311 (redis-server) total-vm:1kB, anon-rss:2kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0": {311, "redis-server", true},
		"3,701,1,-;Memory cgroup out of memory: Killed process 9 (a b) total-vm:1kB":                                                                             {9, "a b", false},
	} {
		if got, ok := parseKill(record); !ok || got != want {
			t.Errorf("%q: %+v, want %+v", record, got, want)
		}
	}
	for _, other := range []string{"6,1,1,-;oom_reaper: reaped process 311 (redis-server)", strings.Repeat("x", 10)} {
		if k, ok := parseKill(other); ok {
			t.Errorf("%q: %+v", other, k)
		}
	}
}
