//go:build kernel

package acceptance_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// laravel is a Redis server and the fixture beside it: a queue, its workers'
// command, and the ledger of what happened to every job.
type laravel struct {
	t      *testing.T
	dir    string // testdata/laravel
	socket string
	retry  int // RETRY_AFTER, seconds
}

// retryAfter is longer than any job may take here: what comes back sooner had
// lost its worker.
const retryAfter = 75

func newLaravel(t *testing.T) *laravel {
	t.Helper()
	dir, err := filepath.Abs("testdata/laravel")
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	l := &laravel{t: t, dir: dir, socket: filepath.Join(tmp, "redis.sock"), retry: retryAfter}
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
	var log strings.Builder
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			t.Fatalf("redis-server ended:\n%s", log.String())
		}
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
			break
		}
	}
	go func() { _, _ = bufio.NewReader(out).WriteTo(&bytes.Buffer{}) }()
	return l
}

// worker is the TOML of a program of queue workers, up to its own tables.
func (l *laravel) worker(more string) string {
	return fmt.Sprintf(`
[programs.queue]
preset          = "laravel"
command         = "php artisan queue:work redis --sleep=1 --timeout=60 --memory=1024"
directory       = %q
environment     = { REDIS_SOCKET = %q, RETRY_AFTER = "%d" }
redirect_stderr = true
notify          = true
stdout_logfile  = %q
%s`, l.dir, l.socket, l.retry, filepath.Join(filepath.Dir(l.socket), "queue.log"), more)
}

// push fills the queue, as push.php takes it.
func (l *laravel) push(jobs ...string) {
	l.t.Helper()
	cmd := exec.Command("php", append([]string{"push.php"}, jobs...)...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "REDIS_SOCKET="+l.socket)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("cannot push jobs: %v\n%s", err, out)
	}
}

// entry is one line of the ledger; ledger.php says what they mean.
type entry struct {
	Event   string
	ID      string
	Job     string
	Attempt int
	PID     int
	At      float64
	Error   string
}

func (l *laravel) redis(args ...string) string {
	l.t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-s", l.socket, "--raw"}, args...)...).Output()
	if err != nil {
		l.t.Fatalf("redis-cli %q: %v", args, err)
	}
	return string(out)
}

// ledger is all that has happened so far.
func (l *laravel) ledger() []entry {
	l.t.Helper()
	var all []entry
	d := json.NewDecoder(strings.NewReader(l.redis("lrange", "laravel_database_ledger", "0", "-1")))
	for d.More() {
		var e entry
		if err := d.Decode(&e); err != nil {
			l.t.Fatalf("cannot read the ledger: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// drained waits until every pushed job has come to its end, and returns the
// ledger.
func (l *laravel) drained(most time.Duration) []entry {
	l.t.Helper()
	for end := time.Now().Add(most); ; time.Sleep(time.Second) {
		all := l.ledger()
		open := map[string]bool{}
		for _, e := range all {
			switch e.Event {
			case "pushed":
				open[e.ID] = true
			case "done", "failed":
				delete(open, e.ID)
			}
		}
		if len(open) == 0 {
			return all
		}
		if time.Now().After(end) {
			l.t.Fatalf("%d jobs have not ended after %v, one of them %v", len(open), most, some(open))
		}
	}
}

func some(m map[string]bool) string {
	for k := range m {
		return k
	}
	return ""
}

// checkJobs holds the ledger against how each job ends when it is alone, and
// returns how many ended in each process.
func checkJobs(t *testing.T, all []entry) map[int]int {
	t.Helper()
	byID, ends := map[string][]entry{}, map[int]int{}
	for _, e := range all {
		byID[e.ID] = append(byID[e.ID], e)
		if e.Event == "done" || e.Event == "failed" {
			ends[e.PID]++
		}
	}
	for id, story := range byID {
		want := "pushed started done"
		switch story[0].Job {
		case "Fails":
			want = "pushed started failed:RuntimeException"
		case "TimesOut":
			want = "pushed started failed:MaxAttemptsExceededException"
		case "Balloon": // its worker dies under it; the next one finds no try left
			want = "pushed started started failed:MaxAttemptsExceededException"
		}
		var got []string
		for _, e := range story {
			word := e.Event
			if e.Error != "" {
				word += ":" + e.Error
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s: %+v", id, strings.Join(got, " "), want, story)
			continue
		}
		if last := story[len(story)-1]; last.PID != story[len(story)-2].PID {
			t.Errorf("%s was started by %d and ended by %d", id, story[len(story)-2].PID, last.PID)
		}
	}
	return ends
}

// inHand are the jobs that a process had started and not ended.
func inHand(all []entry, pid int) []string {
	open := map[string]bool{}
	for _, e := range all {
		if e.PID != pid {
			continue
		}
		switch e.Event {
		case "started":
			open[e.ID] = true
		case "done", "failed":
			delete(open, e.ID)
		}
	}
	var out []string
	for id := range open {
		out = append(out, id)
	}
	return out
}
