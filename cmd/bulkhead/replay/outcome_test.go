package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// The two sides.
const (
	supervisord = "supervisord"
	bulkhead    = "bulkhead"
)

// outcome is what came of one outage under one supervisor.
type outcome struct {
	outage, side string
	took         time.Duration

	idle, load time.Duration // p99 of the probe
	silence    time.Duration // the longest without an answer, under load
	full       time.Duration // how long all tasks waited for memory
	hostKills  int           // by the kernel, for want of the host's memory
	jobs       int           // pushed
	lost       int           // never finished
	twice      int           // finished more than once
	killed     map[string]int
	innocent   []string // programs that nobody may kill
	said       []string // what else is worth knowing
	faults     []string // promises that were broken, beside those of judge

	memory []reading
	gaps   []span // silences to draw
}

// wronged counts the innocent that were killed.
func (o outcome) wronged() (n int) {
	for _, name := range o.innocent {
		n += o.killed[name]
	}
	return n
}

// promise is what an outage must come to under bulkhead.
type promise struct {
	silence time.Duration // at most
	slower  float64       // p99 under load, as a multiple of that of the idle host; 0 any
}

// busy is a p99 that no idle machine has, not even an emulated one.
const busy = time.Second

// judge lists what bulkhead has not kept, or of supervisord: why the outage proves nothing.
func (p promise) judge(o outcome) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s, %s: %s", o.outage, o.side, fmt.Sprintf(format, args...)))
	}
	for _, f := range o.faults {
		fault("%s", f)
	}
	if o.idle > busy {
		fault("p99 of the probe is %v on the idle host: the machine is too busy with something else, and the figures say nothing", brief(o.idle))
	}
	if o.side == supervisord {
		return faults
	}
	if o.lost > 0 {
		fault("%d of %d jobs were lost", o.lost, o.jobs)
	}
	for _, name := range slices.Sorted(slices.Values(o.innocent)) {
		if n := o.killed[name]; n > 0 {
			fault("%s was killed %d times", name, n)
		}
	}
	if o.silence > p.silence {
		fault("the probe had no answer for %v, want at most %v", brief(o.silence), p.silence)
	}
	if most := time.Duration(p.slower * float64(o.idle)); p.slower > 0 && o.load > most {
		fault("p99 of the probe is %v under load and %v on the idle host, want at most %v times as much", brief(o.load), brief(o.idle), p.slower)
	}
	return faults
}

// wentDown is whether the host was down in it, for want of memory: a machine that is busy
// with something else is silent too.
func (o outcome) wentDown(silence time.Duration) bool {
	return o.silence > silence && o.full > time.Second || o.wronged() > 0
}

// brief is a time for people.
func brief(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// names is a count by name, for people.
func names(n map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if n[name] > 0 {
			all = append(all, fmt.Sprintf("%d %s", n[name], name))
		}
	}
	return strings.Join(all, ", ")
}

func TestJudge(t *testing.T) {
	const s = time.Second
	p := promise{silence: 10 * s, slower: 10}
	well := outcome{outage: "leak", side: bulkhead, idle: s / 100, load: s / 10, silence: 10 * s, jobs: 9, killed: map[string]int{"build": 3}, innocent: []string{"web", "redis"}}
	for _, c := range []struct {
		name   string
		change func(*outcome)
		want   string // what a fault says; "" none
		down   bool
	}{
		{"all kept", func(*outcome) {}, "", false},
		{"jobs", func(o *outcome) { o.lost = 2 }, "leak, bulkhead: 2 of 9 jobs were lost", false},
		{"an innocent", func(o *outcome) { o.killed = map[string]int{"redis": 1} }, "leak, bulkhead: redis was killed 1 times", true},
		{"silent", func(o *outcome) { o.silence = 11 * s }, "leak, bulkhead: the probe had no answer for 11s, want at most 10s", false},
		{"slow", func(o *outcome) { o.load = s / 8 }, "leak, bulkhead: p99 of the probe is 125ms under load and 10ms on the idle host, want at most 10 times as much", false},
		{"of its own", func(o *outcome) { o.faults = []string{"no"} }, "leak, bulkhead: no", false},
		{"supervisord may", func(o *outcome) {
			o.side, o.lost, o.silence, o.load, o.killed = supervisord, 9, 60*s, s, map[string]int{"web": 1}
		}, "", true},
		{"supervisord is silent for want of memory", func(o *outcome) { o.side, o.silence, o.full = supervisord, 60*s, 5*s }, "", true},
		{"supervisord is silent, and there is memory", func(o *outcome) { o.side, o.silence = supervisord, 60*s }, "", false},
		{"busy", func(o *outcome) { o.side, o.idle = supervisord, 2*s },
			"leak, supervisord: p99 of the probe is 2s on the idle host: the machine is too busy with something else, and the figures say nothing", false},
	} {
		o := well
		c.change(&o)
		if got := strings.Join(p.judge(o), "\n"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := o.wentDown(10 * s); got != c.down {
			t.Errorf("%s: down %v", c.name, got)
		}
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{1234 * time.Microsecond: "1ms", 1234 * time.Millisecond: "1.2s", 61400 * time.Millisecond: "1m1s"} {
		if got := brief(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := names(map[string]int{"b": 2, "a": 1, "c": 0}); got != "1 a, 2 b" {
		t.Errorf("%q", got)
	}
}
