package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"bulkhead/supervisor/control"
)

// What is wrong with a log is found, and what a killed writer leaves is not wrong.
func TestLinesAreJudged(t *testing.T) {
	const run = "7.70"
	say := func(n uint64) string { return shared.line(0, run, n) }
	end := func(n uint64) string { return shared.last(0, run, n) }
	all := say(1) + say(2) + say(3) + say(4)
	for _, tt := range []struct {
		name  string
		log   string
		older string // the rotated file before it
		tried uint64
		done  uint64
		ended bool
		want  lineCount
	}{
		{name: "whole", log: all, tried: 4, done: 4},
		{name: "rotated in a line", older: all[:30], log: all[30:], tried: 4, done: 4},
		{name: "ended", log: all + end(5), tried: 5, done: 5, ended: true, want: lineCount{ended: 1}},
		{name: "the last words are lost", log: all, tried: 5, done: 5, ended: true, want: lineCount{ended: 1, lost: 1}},
		{name: "one is lost", log: say(1) + say(3) + say(4), tried: 4, done: 4, want: lineCount{lost: 1}},
		{name: "the first are lost", log: say(3) + say(4), tried: 4, done: 4, want: lineCount{lost: 2}},
		{name: "all are lost", tried: 4, done: 4, want: lineCount{lost: 4}},
		{name: "one is there twice", log: say(1) + say(2) + say(2) + say(3) + say(4), tried: 4, done: 4, want: lineCount{twice: 1}},
		{name: "one is torn", log: say(1) + say(2)[:12] + "\n" + say(3) + say(4), tried: 4, done: 4, want: lineCount{torn: 1}},
		{name: "two are one", log: strings.Replace(all, "\n", "", 1), tried: 4, done: 4, want: lineCount{torn: 1, lost: 1}},
		{name: "killed before a line", log: all, tried: 5, done: 4},
		{name: "killed after a line", log: all + say(5), tried: 5, done: 4},
		{name: "killed in a line", log: all + say(5)[:9], tried: 5, done: 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &soak{dir: t.TempDir()}
			r := record{Tried: [2]uint64{tt.tried}, Done: [2]uint64{tt.done}, Style: uint64(shared)}
			if tt.ended {
				r.Ended, r.Tried[1], r.Done[1] = 1, 1, 1
				tt.log += shared.last(1, run, 1)
			}
			put(t, s.dir, "records/x_00."+run, string(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))))
			put(t, s.dir, "logs/x.out", tt.log)
			if tt.older != "" {
				put(t, s.dir, "logs/x.out.1", tt.older)
			}
			got := s.checkLines()
			tt.want.runs, tt.want.lines, tt.want.files = got.runs, got.lines, got.files
			if got != tt.want {
				t.Errorf("got %+v, want %+v\n%s", got, tt.want, strings.Join(s.faults, "\n"))
			}
			if bad := got.lost+got.twice+got.torn > 0; bad != (len(s.faults) > 0) {
				t.Errorf("faults: %q", s.faults)
			}
		})
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestJobsAreJudged(t *testing.T) {
	story := func(job string, words ...string) (all []entry) {
		for _, w := range words {
			event, cause, _ := strings.Cut(w, ":")
			all = append(all, entry{Event: event, ID: job + "-1", Job: job, PID: 1, Error: cause})
		}
		return all
	}
	const late = "failed:MaxAttemptsExceededException"
	for _, tt := range []struct {
		ledger []entry
		want   jobCount
	}{
		{story("Quick", "pushed", "started", "done"), jobCount{pushed: 1, finished: 1}},
		{story("Quick", "pushed"), jobCount{pushed: 1, lost: 1}},
		{story("Quick", "pushed", "started"), jobCount{pushed: 1, lost: 1}},
		{story("Quick", "pushed", "started", "started", "done"), jobCount{pushed: 1, finished: 1, twice: 1}},
		{story("Quick", "pushed", "started", "done", "done"), jobCount{pushed: 1, finished: 1, twice: 1}},
		{story(balloon, "pushed", "started", "started", late), jobCount{pushed: 1, finished: 1, cut: 1}},
		{story(balloon, "pushed", "started"), jobCount{pushed: 1, cut: 1, lost: 1}},
	} {
		s := &soak{}
		s.checkJobs(tt.ledger)
		if s.table.jobs != tt.want || (tt.want.lost+tt.want.twice > 0) != (len(s.faults) > 0) {
			t.Errorf("%v: %+v, want %+v; %q", tt.ledger, s.table.jobs, tt.want, s.faults)
		}
	}
}

// A second main process of an instance is found, unless it may be there.
func TestCensusFindsTwo(t *testing.T) {
	mark := fmt.Sprintf("SOAK_MARK=judge-%d", os.Getpid())
	for _, overlap := range []bool{false, true} {
		var faults []string
		c := &census{mark: mark, overlap: func(string) bool { return overlap }, doubled: map[string]bool{}, owner: map[int]string{},
			fault: func(f string, args ...any) { faults = append(faults, fmt.Sprintf(f, args...)) }}
		for n := range 2 {
			cmd := exec.Command("setsid", "sleep", "60")
			cmd.Env = []string{mark, "SUPERVISOR_GROUP_NAME=a", "SUPERVISOR_PROCESS_NAME=a_00", "PATH=" + os.Getenv("PATH")}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			for end := time.Now().Add(10 * time.Second); len(c.look()["a:a_00"]) <= n && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
			if want := min(n, 1); !overlap && len(faults) != want || overlap && len(faults) != 0 {
				t.Errorf("overlap %v, %d processes: %q", overlap, n+1, faults)
			}
			if n == 1 {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}
		mark += "-again"
	}
}

func TestWantsAreJudged(t *testing.T) {
	w := newWants([]crew{{name: "a", size: 2}})
	w.stopped["a:a_01"], w.beyond["a:a_00"] = true, 3
	is := func(name, state string, run uint64) control.Status {
		return control.Status{Group: "a", Name: name, State: state, Run: run}
	}
	for _, tt := range []struct {
		status []control.Status
		moving int // what is wrong at any moment
		atRest int
	}{
		{[]control.Status{is("a_00", "RUNNING", 4), is("a_01", "STOPPED", 1)}, 0, 0},
		{[]control.Status{is("a_00", "STARTING", 4), is("a_01", "STOPPING", 1)}, 0, 2},
		{[]control.Status{is("a_00", "RUNNING", 3), is("a_01", "STOPPED", 1)}, 0, 1},
		{[]control.Status{is("a_00", "STOPPED", 3), is("a_01", "RUNNING", 2)}, 2, 2},
		{[]control.Status{is("a_00", "RUNNING", 4)}, 1, 1},
		{[]control.Status{is("a_00", "RUNNING", 4), is("a_01", "STOPPED", 1), is("a_02", "RUNNING", 1)}, 1, 1},
		{[]control.Status{is("a_00", "RUNNING", 4), is("a_01", "STOPPED", 1), is("a_02", "STOPPING", 1)}, 0, 1},
	} {
		if a, b := w.differs(tt.status, false), w.differs(tt.status, true); len(a) != tt.moving || len(b) != tt.atRest {
			t.Errorf("%v: %q, at rest %q", tt.status, a, b)
		}
	}
}

// No count goes back, except that of runs where two may overlap.
func TestCountersAreJudged(t *testing.T) {
	is := control.Status{Group: "a", Name: "a_00", Run: 3, PID: 9, Restarts: 2, OOMKills: 1, JobsDone: 5, UptimeSeconds: 8}
	for _, tt := range []struct {
		name   string
		change func(*control.Status)
		faults int
	}{
		{"nothing", func(*control.Status) {}, 0},
		{"onwards", func(s *control.Status) { s.JobsDone++; s.UptimeSeconds++ }, 0},
		{"another run", func(s *control.Status) { s.Run, s.PID, s.JobsDone, s.UptimeSeconds, s.Restarts = 4, 10, 0, 0, 3 }, 0},
		{"fewer jobs", func(s *control.Status) { s.JobsDone-- }, 1},
		{"younger", func(s *control.Status) { s.UptimeSeconds-- }, 1},
		{"fewer restarts and OOM kills", func(s *control.Status) { s.Restarts, s.OOMKills = 0, 0 }, 2},
		{"another process", func(s *control.Status) { s.PID = 10 }, 1},
		{"the run before", func(s *control.Status) { s.Run, s.PID = 2, 8 }, 1},
	} {
		faults := 0
		c := newCounters(func(string) bool { return false }, func(string, ...any) { faults++ })
		now := is
		tt.change(&now)
		c.see([]control.Status{is})
		c.see([]control.Status{now})
		if faults != tt.faults {
			t.Errorf("%s: %d faults, want %d", tt.name, faults, tt.faults)
		}
	}
}
