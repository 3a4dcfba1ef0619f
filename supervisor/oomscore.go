package supervisor

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"bulkhead/programs"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/spawn"
)

// A process may raise its own oom_score_adj, and lower it again to what somebody
// privileged has set last (fs/proc/base.c, __set_oom_adj). Monitoring that does so to
// be killed first is killed first, again and again, by whoever needs memory: what
// the config says is kept. Children inherit the value, so all of a run's processes are looked at.

// scores are what the processes of a run are held to.
type scores struct {
	sync.Mutex                // held while they are written
	want       int            // what the config says
	again      time.Time      // not before: the next look
	ran        time.Duration  // what all runs had used of the CPU at the last one
	calm       int            // looks in a row that found nothing
	told       map[int]uint64 // who was told of: pid and start time
}

// scoresAfter is the age from which on a run is looked at: a list of processes that is a
// moment old has it in it then.
const scoresAfter = time.Second

func (s *scores) begin(want int) { s.want, s.again = want, time.Now().Add(scoresAfter) }

// scored: a process of the run had changed its oom_score_adj.
type scored struct {
	ref
	pid      int
	command  string
	from, to int
	more     int   // processes beside it, which are not told one by one
	err      error // it could not be put back
}

// scoresTold is how many processes of a run are told of one by one in one look: what a
// process changes all that it forks afterwards has as well.
const scoresTold = 4

// keepScores puts back what processes of the run have changed, if it is time to look. It says
// whether that was seen to since anything has run.
func (p *process) keepScores(pass programs.Pass) (seen bool) {
	if p.prog.Load().Process.OOMScoreFree {
		return true
	}
	if !p.scores.TryLock() {
		return false // they are being set just now
	}
	defer p.scores.Unlock()
	s := &p.scores
	if !pass.At.Before(s.again) {
		defer func() { s.again = pass.At.Add(programs.NextScore(s.calm)) }()
		s.calm++
	} else if s.ran == pass.Ran || !pass.Early || s.calm == 0 { // too young, or one that changes its score
		return s.ran == pass.Ran
	}
	pids, err := p.comp.Recent()
	if err != nil {
		return false // it is gone, most likely; or the next look succeeds
	}
	s.ran = pass.Ran
	var last scored
	found := 0
	var changed map[int]uint64 // most of the time there is none
	for _, pid := range pids {
		score, err := spawn.OOMScoreAdj(pid)
		if err != nil || score == s.want {
			continue // gone, or as it should be
		}
		e, start, ok := p.putBack(pid, score)
		if !ok {
			continue
		}
		if s.calm = 0; changed == nil {
			changed = map[int]uint64{}
		}
		changed[pid] = start
		if s.told[pid] == start {
			continue
		}
		if found++; found <= scoresTold {
			p.host.post(e)
		} else {
			last = e
		}
	}
	if found > scoresTold {
		last.more = found - scoresTold - 1
		p.host.post(last)
	}
	s.remember(changed)
	return true
}

// remember adds to those who were told of and are there still.
func (s *scores) remember(changed map[int]uint64) {
	for pid, start := range s.told {
		if t, err := spawn.StartTime(pid); err != nil || t != start {
			delete(s.told, pid)
		}
	}
	if s.told == nil {
		s.told = changed
		return
	}
	maps.Copy(s.told, changed)
}

// putBack sets one process to what is wanted; ok is false when there is nothing to tell:
// it is gone, or it has the supervisor's own value since its birth, which was told then.
func (p *process) putBack(pid, score int) (e scored, start uint64, ok bool) {
	start, err := spawn.StartTime(pid)
	if err != nil {
		return e, 0, false
	}
	own, err := spawn.OOMScoreAdj(os.Getpid())
	inherited := err == nil && own == score
	if inherited && p.asked.underWay() {
		return e, 0, false // the check's command, a moment before it gets its own
	}
	want := p.scores.want
	e = scored{ref: p.ref, pid: pid, command: comm(pid), from: score, to: want}
	e.err = spawn.Adjust(pid, spawn.Adjustment{OOMScoreAdj: &want})
	return e, start, e.err == nil || !inherited
}

// comm is a process's own name, "" when it is gone (proc_pid_comm(5)).
func comm(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// setScores is for a change of the config: nobody looks while some have the new value
// and some the old.
func (p *process) setScores(want int, set func()) {
	p.scores.Lock()
	defer p.scores.Unlock()
	p.scores.want = want
	set()
}

// onScored tells of a process that has changed its score.
func (l *loop) onScored(e scored) {
	if !e.in.current(e.n) {
		return
	}
	text := fmt.Sprintf("process %d (%q) had set its oom_score_adj to %d", e.pid, e.command, e.from)
	if e.more > 0 {
		text += fmt.Sprintf(", and %d more had changed theirs", e.more)
	}
	if e.err == nil {
		text += fmt.Sprintf(": put back to %d", e.to)
	} else {
		text += fmt.Sprintf(": it stays so, the supervisor lacks the right (CAP_SYS_RESOURCE): %v", e.err)
	}
	l.event(e.in, e.n, control.Event{Kind: "oom_score", PID: e.pid, Message: text,
		Fields: map[string]string{"command": e.command, "from": strconv.Itoa(e.from), "to": strconv.Itoa(e.to)}})
}
