package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead/conf"
	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// scoreLater is when it is looked at again in any case.
const scoreLater = time.Hour

func score(t *testing.T, pid int) int {
	t.Helper()
	n, err := spawn.OOMScoreAdj(pid)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// renew has the list of processes looked up that a look would take as it was a moment ago.
func renew(t *testing.T, p *process) {
	t.Helper()
	if _, err := p.comp.Procs(); err != nil {
		t.Fatal(err)
	}
}

// scored takes the scored events that are there.
func (w *reality) scored() (all []scored) {
	for len(w.events) > 0 {
		w.kept = append(w.kept, <-w.events)
	}
	w.kept = slices.DeleteFunc(w.kept, func(e any) bool {
		s, ok := e.(scored)
		if ok {
			all = append(all, s)
		}
		return ok
	})
	return all
}

// Whoever changes its score, the main process or what it has started, is put back, is told of
// once, and is put back again when it does not leave it.
func TestScoresAreKept(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		path, written := fifo(t)
		// A child that has changed its own; then the main process changes its own.
		p := shell(t, `sh -c 'echo 700 > /proc/self/oom_score_adj; echo > $0; exec sleep 1000' `+path+` &
read x; echo 150 > /proc/$$/oom_score_adj; echo > `+path+`; read y`, func(p *conf.Program) {
			p.Process.OOMScoreAdj = 200
			p.Stdin = true
		})
		r, run := w.up(p)
		written()
		now := time.Now()
		look := func() []scored {
			t.Helper()
			now = now.Add(scoreLater)
			renew(t, run)
			run.keepScores(programs.Pass{At: now})
			return w.scored()
		}
		main := run.child.PID
		got := look()
		if len(got) != 1 || got[0].ref != r || got[0].pid == main || got[0].from != 700 || got[0].to != 200 || got[0].err != nil || got[0].more != 0 ||
			got[0].command != "sh" && got[0].command != "sleep" {
			t.Fatalf("%+v", got)
		}
		child := got[0].pid
		if score(t, child) != 200 || score(t, main) != 200 {
			t.Errorf("the child has %d, the main process %d", score(t, child), score(t, main))
		}
		if got := look(); len(got) != 0 {
			t.Errorf("told of nothing: %+v", got)
		}
		w.say(r, []byte("\n"))
		written()
		run.keepScores(programs.Pass{At: now.Add(programs.NextScore(0) - 1)})
		if got := w.scored(); len(got) != 0 || score(t, main) != 150 {
			t.Errorf("looked at too often: %+v", got)
		}
		if got := look(); len(got) != 1 || got[0].pid != main || got[0].from != 150 || score(t, main) != 200 {
			t.Errorf("%+v, and it has %d", got, score(t, main))
		}
		for _, pid := range []int{child, main} { // again
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("900"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if seen := run.keepScores(programs.Pass{At: now.Add(time.Second), Ran: time.Second, Early: true}); seen || score(t, main) != 900 {
			t.Errorf("one that changes its score was looked at early: %v, it has %d", seen, score(t, main))
		}
		if got := look(); len(got) != 0 || score(t, child) != 200 || score(t, main) != 200 {
			t.Errorf("told a second time, or not put back: %+v", got)
		}
		w.finish(r)
	})
}

// A change of the config is not taken for one of the program's; and where the config leaves
// them alone they are.
func TestScoresFollowTheConfig(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		p := shell(t, "exec sleep 1000", nil)
		r, run := w.up(p)
		next := p
		next.Process.OOMScoreAdj = 300
		run.revise(&next)
		flush(&run.lane)
		run.keepScores(programs.Pass{At: time.Now()}) // it is young
		renew(t, run)
		run.keepScores(programs.Pass{At: time.Now().Add(scoresAfter)})
		if got := w.scored(); len(got) != 0 || run.scores.again.Before(time.Now().Add(2*scoresAfter)) || score(t, run.child.PID) != 300 {
			t.Errorf("%+v, and it has %d", got, score(t, run.child.PID))
		}
		next.Process.OOMScoreFree = true
		run.revise(&next)
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", run.child.PID), []byte("900"), 0); err != nil {
			t.Fatal(err)
		}
		run.keepScores(programs.Pass{At: time.Now().Add(time.Hour)})
		if got := w.scored(); len(got) != 0 || score(t, run.child.PID) != 900 {
			t.Errorf("%+v, and it has %d", got, score(t, run.child.PID))
		}
		w.finish(r)
		run.keepScores(programs.Pass{At: time.Now().Add(2 * time.Hour)}) // it is gone
		w.quiet()
	})
}

// What a process changes all that it forks has too: few of many are told one by one.
func TestManyScores(t *testing.T) {
	w := newReality(t, noTree(t))
	path, written := fifo(t)
	p := shell(t, "echo 500 > /proc/$$/oom_score_adj; for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; echo > "+path+"; wait", nil)
	r, run := w.up(p)
	written()
	renew(t, run)
	run.keepScores(programs.Pass{At: time.Now().Add(scoresAfter)})
	got := w.scored()
	if len(got) != scoresTold+1 || got[scoresTold].more != 10-scoresTold-1 || got[0].more != 0 {
		t.Errorf("%+v", got)
	}
	if n := len(run.scores.told); n != 10 {
		t.Errorf("%d are remembered, want 10", n)
	}
	pids, err := run.comp.Procs()
	if err != nil || len(pids) != 10 {
		t.Fatal(pids, err)
	}
	for _, pid := range pids {
		if score(t, pid) != 0 {
			t.Errorf("process %d has %d", pid, score(t, pid))
		}
		if pid != run.child.PID {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	await[exited](w) // nothing is left to wait for
	renew(t, run)
	run.keepScores(programs.Pass{At: time.Now().Add(time.Hour)})
	if n := len(run.scores.told); n != 0 {
		t.Errorf("%d are remembered that are gone", n)
	}
	w.over(r)
}

// The slow sampler looks on its way: soon after a start, a minute later, then less often, and is not woken for it.
func TestSamplerKeepsScores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRun(t, true, func(p *conf.Program) { p.Recycle.MaxMemory = 0 })
		h := f.host
		h.runs[f.ref] = f.process
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { h.sampler(ctx); close(ended) }()
		looks := func() (all []time.Duration) {
			for _, at := range f.comp.listed() {
				all = append(all, at.Sub(began))
			}
			return all
		}
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		const s = time.Second
		if got := looks(); !slices.Equal(got, []time.Duration{2 * s, 62 * s, 182 * s, 422 * s, 662 * s}) {
			t.Errorf("looked at %v", got)
		}
		cancel()
		<-ended
	})
}

// What has the supervisor's own score while a check begins is the check, not yet itself.
func TestScoreOfACheckThatBegins(t *testing.T) {
	w := newReality(t, noTree(t))
	r, run := w.up(shell(t, "exec sleep 1000", nil))
	own := score(t, os.Getpid())
	run.scores.want = own + 1 // so that the process has what the supervisor has
	if !run.asked.begin(func() {}) {
		t.Fatal("it is asked already")
	}
	renew(t, run)
	run.keepScores(programs.Pass{At: time.Now().Add(scoresAfter)})
	if got := w.scored(); len(got) != 0 || score(t, run.child.PID) != own {
		t.Errorf("%+v", got)
	}
	run.asked.end()
	run.keepScores(programs.Pass{At: time.Now().Add(time.Hour)})
	if got := w.scored(); len(got) != 1 || score(t, run.child.PID) != own+1 {
		t.Errorf("%+v", got)
	}
	w.finish(r)
}

// scoreHelper is a supervisor without rights that finds a process it must not help.
func scoreHelper() error {
	if err := spawn.Prepare(); err != nil {
		return err
	}
	if err := syscall.Setuid(65534); err != nil {
		return err
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		return err
	}
	defer func() { _ = child.Wait() }()
	defer func() { _ = child.Process.Kill() }()
	var told []any
	h := newHost(&conf.Config{}, nil, nil, newGoTimer(), nil, nil)
	h.post = func(e any) { told = append(told, e) }
	p := &process{host: h, comp: oneProcess(child.Process.Pid)}
	p.prog.Store(&conf.Program{})
	p.scores.want = -500
	p.keepScores(programs.Pass{At: time.Now()})
	if len(told) != 0 { // it has what the supervisor has: it was born so
		return fmt.Errorf("told of what was never changed: %+v", told)
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", child.Process.Pid), []byte("800"), 0); err != nil {
		return err
	}
	for i := range 3 {
		p.keepScores(programs.Pass{At: time.Now().Add(time.Duration(i+1) * time.Hour)})
	}
	if len(told) != 1 {
		return fmt.Errorf("told %d times: %+v", len(told), told)
	}
	fmt.Println(told[0].(scored).err)
	return nil
}

// oneProcessComp is a compartment of one process.
type oneProcessComp struct {
	fakeCompartment
	pid int
}

func oneProcess(pid int) *oneProcessComp         { return &oneProcessComp{pid: pid} }
func (o *oneProcessComp) Recent() ([]int, error) { return []int{o.pid}, nil }

// What a supervisor without rights cannot put back it says once.
func TestScoreThatCannotBePutBack(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVar+"=score")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "cannot set oom_score_adj -500 of process") || !strings.Contains(string(out), "permission denied") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestScoredIsTold reads the events.
func TestScoredIsTold(t *testing.T) {
	within(t, worker("queue", 1, nil), nil, func(w *world) {
		w.after(2 * time.Second)
		r := w.ref("queue")
		w.loop.post(scored{ref: r, pid: 77, command: "a\nb", from: 500, to: 0})
		w.loop.post(scored{ref: r, pid: 78, command: "php", from: -1, to: 0, more: 3})
		w.loop.post(scored{ref: r, pid: 79, command: "php", from: 500, to: 0, err: errors.New("cannot set it: permission denied")})
		w.loop.post(scored{ref: ref{r.in, 99}, pid: 80}) // of a run that is no more
		w.after(0)
		equal(t, "told", w.kinds("oom_score"), []string{
			`process 77 ("a\nb") had set its oom_score_adj to 500: put back to 0`,
			`process 78 ("php") had set its oom_score_adj to -1, and 3 more had changed theirs: put back to 0`,
			`process 79 ("php") had set its oom_score_adj to 500: it stays so, the supervisor lacks the right (CAP_SYS_RESOURCE): cannot set it: permission denied`,
		})
		events, _ := w.d.Events(w.ctx, 0)
		i := slices.IndexFunc(events, func(e control.Event) bool { return e.Kind == "oom_score" })
		if e := events[i]; e.PID != 77 || e.Fields["from"] != "500" || e.Fields["to"] != "0" || e.Fields["command"] != "a\nb" || e.Name != "queue" {
			t.Errorf("%+v", e)
		}
	})
}

// BenchmarkKeepScores is what a look costs for one run of one process.
func BenchmarkKeepScores(b *testing.B) {
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = child.Wait() }()
	defer func() { _ = child.Process.Kill() }()
	p := &process{host: newHost(&conf.Config{}, nil, nil, newGoTimer(), nil, nil), comp: oneProcess(child.Process.Pid)}
	p.prog.Store(&conf.Program{})
	p.scores.want, _ = spawn.OOMScoreAdj(child.Process.Pid)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(scoreLater)
		p.keepScores(programs.Pass{At: now})
	}
}
