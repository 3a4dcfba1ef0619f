package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"bulkhead/conf"
	"bulkhead/programs"
)

// From birth to release: in its cgroup, with its output in its logs, ended by
// its stop signal; and then nothing of it is left.
func TestRunFromBirthToRelease(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		dir := t.TempDir()
		p := shell(t, "echo out; echo err >&2; echo up; exec sleep 1000", func(p *conf.Program) {
			p.JobPattern = "^up$"
			p.Instances[0].Stdout.Path, p.Instances[0].Stderr.Path = filepath.Join(dir, "out"), filepath.Join(dir, "err")
		})
		w.left(p.Name)
		before := goleak.IgnoreCurrent()
		had := w.left(p.Name)
		r, run := w.up(p)
		if done := await[jobsDone](w); done != (jobsDone{r, 1, 1}) {
			t.Errorf("%+v", done)
		}
		own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", run.child.PID))
		if err != nil {
			t.Fatal(err)
		}
		if path := run.comp.Path(); path != "" {
			tail := path[strings.Index(path, "/bulkhead-test-"):]
			if !strings.Contains(string(own), "0::"+tail+"\n") && !strings.Contains(string(own), tail+"\n") {
				t.Errorf("it is in %q, not in %q", own, path)
			}
		}
		// A session's reading may be a quarter of a second old, from before the birth.
		if rd := run.reading(); rd.measure <= 0 && rd.cgroup != "" || rd.cgroup != run.comp.Path() {
			t.Errorf("reading %+v", rd)
		}
		w.signal(r, syscall.SIGTERM, false)
		e := await[exited](w)
		if e.ref != r || e.exit != (programs.Exit{Code: -1, Signal: 15}) || e.left {
			t.Errorf("%+v", e)
		}
		w.over(r)
		w.signal(r, syscall.SIGTERM, true) // of a run that is no more: nothing
		w.kill(r)
		for name, want := range map[string]string{"out": "out\nup\n", "err": "err\n"} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
				t.Errorf("%s has %q, %v", name, got, err)
			}
		}
		equal(t, "left", w.left(p.Name), had)
		goleak.VerifyNone(t, before)
		if len(w.pids) != 0 {
			t.Errorf("%d pids are still known", len(w.pids))
		}
	})
}

// All output of a run is in its log, and its jobs are told, before its end is
// told: who reads the log then reads all of it.
func TestOutputComesBeforeTheExit(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		log := filepath.Join(t.TempDir(), "log")
		const script = `i=0; while [ $i -lt 2000 ]; do echo "line $i of a burst that is longer than what a pipe holds"; i=$((i+1)); done; printf 'job done'; exit 7`
		p := shell(t, script, func(p *conf.Program) {
			p.JobPattern = "^job done$"
			p.Instances[0].Stdout.Path = log
			p.Instances[0].RedirectStderr = true
		})
		jobs, text := 0, ""
		w.seen = func(e any) {
			switch e := e.(type) {
			case jobsDone:
				jobs += e.count
			case exited:
				b, _ := os.ReadFile(log)
				text = string(b)
			}
		}
		for range 5 {
			if err := os.RemoveAll(log); err != nil {
				t.Fatal(err)
			}
			jobs, text = 0, ""
			r := w.start(p)
			e := await[exited](w)
			if e.exit.Code != 7 || e.left || jobs != 1 {
				t.Errorf("%+v, %d jobs", e, jobs)
			}
			if n := strings.Count(text, "\n"); n != 2000 || !strings.HasSuffix(text, "\njob done") {
				t.Errorf("%d lines in the log when the exit was told", n)
			}
			w.over(r)
		}
	})
}

// What outlives the main process is told, and so is its end; its hold on the
// output pipe holds up neither.
func TestLeftovers(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		log := filepath.Join(t.TempDir(), "log")
		p := shell(t, "sleep 1000 & echo $!; exit 3", func(p *conf.Program) { p.Instances[0].Stdout.Path = log })
		w.seen = func(e any) {
			if e, ok := e.(emptied); ok {
				if left, err := w.get(e.ref).comp.Populated(); left || err != nil {
					t.Errorf("told as empty, populated %v, %v", left, err)
				}
			}
		}
		r := w.start(p)
		e := await[exited](w)
		if e.exit.Code != 3 || !e.left {
			t.Fatalf("%+v", e)
		}
		w.signal(r, syscall.SIGTERM, true) // to the rest
		if e := await[emptied](w); e.ref != r {
			t.Errorf("%+v", e)
		}
		gone(t, pidIn(t, log))
		w.over(r)
	})
}

func pidIn(t *testing.T, log string) int {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Who ignores SIGTERM, and all that it has started, is gone with the kill.
func TestKillEndsWhoIgnoresTerm(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		// The shell answers each SIGTERM, so that it is known to have come.
		p := shell(t, `trap 'echo term' TERM; (trap '' TERM; while :; do sleep 1000; done) & echo up; while :; do wait; done`,
			func(p *conf.Program) { p.JobPattern = "^(up|term)$" })
		r, run := w.up(p)
		await[jobsDone](w)
		w.signal(r, syscall.SIGTERM, false)
		await[jobsDone](w)
		w.kill(r)
		e := await[exited](w)
		if e.exit.Signal != 9 || e.exit.OOM != programs.NoOOM {
			t.Errorf("%+v", e)
		}
		if e.left {
			await[emptied](w)
		}
		if left, err := run.comp.Populated(); err != nil || left {
			t.Errorf("populated %v, %v", left, err)
		}
		w.over(r)
	})
}

// The job in hand is told with the exit.
func TestJobInHandIsTold(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		p := shell(t, `printf '  2026-11-21 02:00:00 App\\Jobs\\Resize .... RUNNING\n'; exit 1`, func(p *conf.Program) { p.JobFormat = "laravel" })
		r := w.start(p)
		e := await[exited](w)
		if e.last.job != `App\Jobs\Resize` || e.last.jobFor <= 0 || e.exit.Code != 1 {
			t.Errorf("%+v", e)
		}
		w.over(r)
	})
}
