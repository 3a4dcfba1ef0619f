package replay

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The programs write the ledger themselves, one line each time, in one write:
//
//	up NAME PID        it begins
//	end NAME PID       it ends because it was asked to, in good order
//	took ID PID        a worker has taken the job from the queue
//	done ID PID        it has finished it
//
// and each line ends with the time in milliseconds since 1970.

// life is a process that has begun.
type life struct {
	name  string
	pid   int
	up    time.Time
	ended bool // in good order
}

// ledger is what the lines come to.
type ledger struct {
	lives []*life
	taken map[string]int // how often, by job
	done  map[string]int
}

func parseLedger(text string) (ledger, error) {
	l := ledger{taken: map[string]int{}, done: map[string]int{}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 4 {
			return l, fmt.Errorf("cannot read line %q of the ledger: not four words", line)
		}
		pid, err1 := strconv.Atoi(f[2])
		ms, err2 := strconv.ParseInt(f[3], 10, 64)
		if err1 != nil || err2 != nil {
			return l, fmt.Errorf("cannot read line %q of the ledger: not a number", line)
		}
		switch f[0] {
		case "up":
			l.lives = append(l.lives, &life{name: f[1], pid: pid, up: time.UnixMilli(ms)})
		case "end":
			at := slices.IndexFunc(l.lives, func(x *life) bool { return x.name == f[1] && x.pid == pid && !x.ended })
			if at < 0 {
				return l, fmt.Errorf("%s %d ends in the ledger and has never begun", f[1], pid)
			}
			l.lives[at].ended = true
		case "took":
			l.taken[f[1]]++
		case "done":
			l.done[f[1]]++
		default:
			return l, fmt.Errorf("cannot read line %q of the ledger: unknown word", line)
		}
	}
	return l, nil
}

// of are the lives of a program, in the order in which they began.
func (l ledger) of(name string) (all []*life) {
	for _, x := range l.lives {
		if x.name == name {
			all = append(all, x)
		}
	}
	return all
}

// killed counts, by name, those that have ended and were not asked to.
func (l ledger) killed(alive func(pid int) bool) map[string]int {
	n := map[string]int{}
	for i, x := range l.lives {
		later := slices.ContainsFunc(l.lives[i+1:], func(y *life) bool { return y.pid == x.pid }) // the number is another's now
		if !x.ended && (later || !alive(x.pid)) {
			n[x.name]++
		}
	}
	return n
}

// jobs says how many of the pushed were finished never, and more than once.
func (l ledger) jobs(pushed []string) (lost, twice int) {
	for _, id := range pushed {
		switch n := l.done[id]; {
		case n == 0:
			lost++
		case n > 1:
			twice++
		}
	}
	return lost, twice
}

// cut says how many jobs workers had in hand when they were cut off. What nobody had taken waits in Redis.
func (l ledger) cut() (n int) {
	for id := range l.taken {
		if l.done[id] == 0 {
			n++
		}
	}
	return n
}

func TestLedger(t *testing.T) {
	l, err := parseLedger(`up queue 10 1000
up queue 11 1000
up redis 12 1500
took a 10 1600
done a 10 1700
took b 11 1700
end queue 10 1800
up queue 13 1900
took c 13 2000
done c 13 2100
took c 13 2200
done c 13 2300
up queue 12 3000
`)
	if err != nil {
		t.Fatal(err)
	}
	got := l.killed(func(pid int) bool { return pid == 13 || pid == 12 })
	if want := map[string]int{"queue": 1, "redis": 1}; !maps.Equal(got, want) {
		t.Errorf("killed %v, want %v", got, want)
	}
	if lost, twice := l.jobs([]string{"a", "b", "c", "d"}); lost != 2 || twice != 1 {
		t.Errorf("%d lost, %d twice", lost, twice)
	}
	if n := l.cut(); n != 1 {
		t.Errorf("%d jobs were in hand", n)
	}
	if of := l.of("queue"); len(of) != 4 || !of[0].ended || of[1].ended || of[2].up != time.UnixMilli(1900) {
		t.Errorf("the lives of queue: %+v", of)
	}
	for _, bad := range []string{"up queue 10", "up queue x 1", "end queue 10 1", "gone a 1 1"} {
		if _, err := parseLedger(bad + "\n"); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
