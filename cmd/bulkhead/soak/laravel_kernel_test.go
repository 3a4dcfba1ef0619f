//go:build kernel

package soak

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// laravel is a Redis server and the fixture of the acceptance tests beside it.
type laravel struct {
	t      *testing.T
	dir    string
	socket string
	log    string
}

// retryAfter, in seconds, is longer than any job may take here: what comes back
// sooner had lost its worker.
const retryAfter = 45

func newLaravel(t *testing.T, logs string) *laravel {
	t.Helper()
	dir, err := filepath.Abs("../acceptance/testdata/laravel")
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	l := &laravel{t: t, dir: dir, socket: filepath.Join(tmp, "redis.sock"), log: filepath.Join(logs, "queue.log")}
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", l.socket, "--dir", tmp, "--save", "", "--appendonly", "no")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
	}
	go func() { _, _ = bufio.NewReader(out).WriteTo(&bytes.Buffer{}) }()
	return l
}

// crew is the program of the queue workers.
func (l *laravel) crew(mark string, size int) crew {
	return crew{name: "queue", size: size, least: size, verbs: []string{"toggle", "restart", "recycle", "recycle", "rolling"},
		toml: func(int) string {
			return fmt.Sprintf(`preset = "laravel"
command         = "php artisan queue:work redis --sleep=1 --timeout=60 --memory=1024"
directory       = %q
environment     = { %s, REDIS_SOCKET = %q, RETRY_AFTER = "%d" }
autorestart     = true
redirect_stderr = true
startsecs       = 1
stdout_logfile  = %q
stdout_logfile_maxbytes = "24K"
stdout_logfile_backups  = 500
[programs.queue.limits]
memory_max      = "192M"
memory_swap_max = "0"
pids_max        = 32
[programs.queue.recycle]
max_jobs     = 40
max_memory   = "56M"
min_lifetime = "0s"
parallel     = 3
`, l.dir, strings.Replace(mark, "=", ` = "`, 1)+`"`, l.socket, retryAfter, l.log)
		}}
}

// push fills a queue, as push.php takes it.
func (l *laravel) push(jobs ...string) {
	l.t.Helper()
	cmd := exec.Command("php", append([]string{"push.php"}, jobs...)...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "REDIS_SOCKET="+l.socket)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("cannot push jobs: %v\n%s", err, out)
	}
}

func (l *laravel) redis(args ...string) string {
	l.t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-s", l.socket, "--raw"}, args...)...).Output()
	if err != nil {
		l.t.Fatalf("redis-cli %q: %v", args, err)
	}
	return string(out)
}

// waiting is how many jobs nobody has taken yet.
func (l *laravel) waiting() (n int) {
	l.t.Helper()
	if _, err := fmt.Sscan(l.redis("llen", "laravel_database_queues:default"), &n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

// entries are all that has happened, from the given one on.
func (l *laravel) entries(from int) []entry {
	l.t.Helper()
	var all []entry
	d := json.NewDecoder(strings.NewReader(l.redis("lrange", "laravel_database_ledger", fmt.Sprint(from), "-1")))
	for d.More() {
		var e entry
		if err := d.Decode(&e); err != nil {
			l.t.Fatalf("cannot read the ledger: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// inflate gives a worker a job that it will not survive, and returns once it has
// begun; false: not before the time was over.
func (l *laravel) inflate(most time.Duration) bool {
	l.t.Helper()
	var from int
	if _, err := fmt.Sscan(l.redis("llen", "laravel_database_ledger"), &from); err != nil {
		l.t.Fatal(err)
	}
	l.redis("rpoplpush", "laravel_database_queues:held", "laravel_database_queues:default") // to the front
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, e := range l.entries(from) {
			if e.Job == balloon && e.Event == "started" {
				return true
			}
		}
	}
	return false
}

// drained waits until every job has come to its end, and returns the ledger.
func (l *laravel) drained(most time.Duration) []entry {
	l.t.Helper()
	for end := time.Now().Add(most); ; time.Sleep(time.Second) {
		all := l.entries(0)
		open := map[string]bool{}
		for _, e := range all {
			switch e.Event {
			case "pushed":
				open[e.ID] = true
			case "done", "failed":
				delete(open, e.ID)
			}
		}
		if len(open) == 0 || time.Now().After(end) {
			return all
		}
	}
}

// checkCounts compares the jobs that each run is said to have done with the ledger:
// exactly, for each process whose run is known, and all together for each instance.
func (s *soak) checkCounts(program string, ends map[int]int64) (kinds map[string]int) {
	s.census.mu.Lock()
	owner := s.census.owner
	s.census.mu.Unlock()
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	kinds = map[string]int{}
	told, was := map[string]int64{}, map[string]int64{}
	for of, r := range s.counters.ends {
		if s.wants.programOf(of.name) != program {
			continue
		}
		kinds[r.Kind]++
		told[of.name] += r.JobsDone
		if pid := s.counters.pids[of]; pid != 0 && ends[pid] != r.JobsDone {
			s.fault("%s run %d, pid %d: counted %d jobs, the ledger has %d (%s)", of.name, of.run, pid, r.JobsDone, ends[pid], r.Words())
		}
	}
	for of, pid := range s.counters.pids {
		if _, ok := s.counters.ends[of]; !ok && s.wants.programOf(of.name) == program {
			s.fault("%s run %d, pid %d, has ended, and there is no reason", of.name, of.run, pid)
		}
	}
	for pid, n := range ends {
		if owner[pid] == "" {
			s.say("pid %d with %d jobs was never seen by the census", pid, n)
		}
		was[owner[pid]] += n
	}
	for name, n := range told {
		if was[name] != n && was[""] == 0 {
			s.fault("%s: its runs have counted %d jobs, the ledger has %d", name, n, was[name])
		}
	}
	return kinds
}

// line is what a worker prints of a job: the queue's own id of it, and what happens.
var line = regexp.MustCompile(`^\[[^]]+\]\[([0-9A-Za-z]+)\] (Processing|Processed|Failed):\s+\S+$`)

// checkWorkersLog holds the workers' log against the ledger: each line of each job once.
func (s *soak) checkWorkersLog(path string, ledger []entry) {
	text, _, err := whole(path)
	if err != nil {
		s.fault("%v", err)
		return
	}
	got, byID := map[string]int{}, map[string]map[string]int{}
	for n, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		m := line.FindStringSubmatch(l)
		if m == nil {
			if !strings.Contains(l, "production.ERROR: ") {
				s.table.lines.torn++
				s.fault("%s: line %d was not written by a worker: %.150q", filepath.Base(path), n+1, l)
			}
			continue
		}
		got[m[2]]++
		if byID[m[1]] == nil {
			byID[m[1]] = map[string]int{}
		}
		byID[m[1]][m[2]]++
	}
	for id, words := range byID {
		if words["Processed"] > 1 || words["Failed"] > 1 {
			s.table.lines.twice++
			s.fault("%s: job %s: %v", filepath.Base(path), id, words)
		}
	}
	want := map[string]int{}
	for _, e := range ledger {
		want[e.Event]++
	}
	for word, event := range map[string]string{"Processing": "started", "Processed": "done", "Failed": "failed"} {
		s.table.lines.lines += got[word]
		if d := want[event] - got[word]; d != 0 {
			s.table.lines.lost += max(d, 0)
			s.fault("%s has %d lines with %s, the ledger has %d", filepath.Base(path), got[word], word, want[event])
		}
	}
}
