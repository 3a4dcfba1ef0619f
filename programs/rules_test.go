package programs

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name      string
		level     int
		up        bool
		lived     time.Duration
		draw      float64
		wait      time.Duration
		wantLevel int
	}{
		{"first crash of a run that was up", 0, true, 5 * s, 0, 0, 1},
		{"first crash before it was up", 0, false, 0, 0, 1 * s, 2},
		{"second", 1, true, 5 * s, 0, 1 * s, 2},
		{"third", 2, true, 5 * s, 0, 2 * s, 3},
		{"fourth", 3, false, 0, 0, 4 * s, 4},
		{"sixth", 6, true, s, 0, 32 * s, 7},
		{"at most a minute", 7, true, s, 0, 60 * s, 8},
		{"for ever", 8, true, s, 0, 60 * s, 8},
		{"forgotten after a minute of running", 8, true, 60 * s, 0, 0, 1},
		{"not forgotten a moment before", 8, true, 60*s - 1, 0, 60 * s, 8},
		{"chance takes a fifth away", 3, true, s, 0.5, 3600 * time.Millisecond, 4},
	} {
		wait, level := backoff(tt.level, tt.up, tt.lived, tt.draw)
		if wait != tt.wait || level != tt.wantLevel {
			t.Errorf("%s: wait %v level %d, want %v %d", tt.name, wait, level, tt.wait, tt.wantLevel)
		}
	}
}

func TestNextScore(t *testing.T) {
	for calm, want := range map[int]time.Duration{0: 60, 1: 60, 2: 120, 3: 240, 4: 240, 7: 240, 8: 240, 1 << 40: 240} {
		if got := NextScore(calm); got != want*time.Second-SampleMost/2 {
			t.Errorf("after %d looks: %v, want %v s and half a sample less", calm, got, int64(want))
		}
	}
}

func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		tries, retries int
		wait           time.Duration
		fatal          bool
	}{
		{1, 3, 1 * time.Second, false},
		{2, 3, 2 * time.Second, false},
		{3, 3, 3 * time.Second, false},
		{4, 3, 0, true},
		{1, 0, 0, true},
	} {
		wait, fatal := retry(tt.tries, tt.retries)
		if wait != tt.wait || fatal != tt.fatal {
			t.Errorf("failure %d of %d: %v %v, want %v %v", tt.tries, tt.retries, wait, fatal, tt.wait, tt.fatal)
		}
	}
}

func TestClassify(t *testing.T) {
	worker := Policy{ExitCodes: []int{0, 12}, RecycleCodes: []int{0, 12}, SelfKill: true}
	service := Policy{ExitCodes: []int{0, 2}}
	kill := func(o OOM) Exit { return Exit{Code: -1, Signal: 9, OOM: o} }
	code := func(c int) Exit { return Exit{Code: c} }
	for _, tt := range []struct {
		name  string
		p     Policy
		asked Asked
		why   Why
		force bool
		up    bool
		exit  Exit
		kind  Kind
		wantW Why
	}{
		{"a worker's exit 0", worker, AskedNothing, NoWhy, false, true, code(0), KindRecycled, Own},
		{"a worker's exit 0, however early", worker, AskedNothing, NoWhy, false, false, code(0), KindRecycled, Own},
		{"a worker's --memory", worker, AskedNothing, NoWhy, false, true, code(12), KindRecycled, Own},
		{"a worker's exit 1", worker, AskedNothing, NoWhy, false, true, code(1), KindCrashed, NoWhy},
		{"PHP's fatal error", worker, AskedNothing, NoWhy, false, true, code(255), KindCrashed, NoWhy},
		{"a service's expected exit", service, AskedNothing, NoWhy, false, true, code(2), KindExited, NoWhy},
		{"a service's expected exit before startsecs", service, AskedNothing, NoWhy, false, false, code(0), KindCrashed, NoWhy},
		{"a service's unexpected exit", service, AskedNothing, NoWhy, false, true, code(3), KindCrashed, NoWhy},
		{"SIGSEGV", service, AskedNothing, NoWhy, false, true, Exit{Code: -1, Signal: 11}, KindCrashed, NoWhy},
		{"SIGKILL with a count of its own OOM", worker, AskedNothing, NoWhy, false, true, kill(OwnOOM), KindOOMKilled, NoWhy},
		{"SIGKILL with its program's OOM", worker, AskedNothing, NoWhy, false, true, kill(ProgramOOM), KindOOMKilled, NoWhy},
		{"SIGKILL with the host's OOM", worker, AskedNothing, NoWhy, false, true, kill(HostOOM), KindHostOOMKilled, NoWhy},
		{"SIGKILL without a count: never called an OOM", worker, AskedNothing, NoWhy, false, true, kill(NoOOM), KindKilled, NoWhy},
		{"a child's OOM and an own exit: the exit", worker, AskedNothing, NoWhy, false, true, Exit{Code: 1, OOM: OwnOOM}, KindCrashed, NoWhy},
		{"stopped", worker, AskedStop, NoWhy, false, true, code(0), KindStopped, NoWhy},
		{"stopped, whatever the code", service, AskedStop, NoWhy, false, true, code(143), KindStopped, NoWhy},
		{"stopped, but its job ran into its timeout first", worker, AskedStop, NoWhy, false, true, kill(NoOOM), KindKilled, NoWhy},
		{"did not stop in time", service, AskedStop, NoWhy, true, true, kill(NoOOM), KindStopTimeout, NoWhy},
		{"restarted", service, AskedRestart, NoWhy, false, true, code(0), KindStopped, NoWhy},
		{"recycled", worker, AskedRecycle, MaxMemory, false, true, code(0), KindRecycled, MaxMemory},
		{"recycled by the stop signal itself", Policy{StopSignal: 15}, AskedRecycle, MaxAge, false, true, Exit{Code: -1, Signal: 15}, KindRecycled, MaxAge},
		{"crashed while it was to be recycled", worker, AskedRecycle, MaxJobs, false, true, Exit{Code: -1, Signal: 11}, KindCrashed, NoWhy},
		{"stopped by a stop signal that is SIGKILL", Policy{StopSignal: 9}, AskedStop, NoWhy, false, true, kill(NoOOM), KindStopped, NoWhy},
		{"recycled, its job took too long", worker, AskedRecycle, MaxJobs, true, true, kill(NoOOM), KindStopTimeout, MaxJobs},
		{"recycled, but its job ran into its timeout first", worker, AskedRecycle, MaxMemory, false, true, kill(NoOOM), KindKilled, NoWhy},
		{"OOM while it was to be recycled", worker, AskedRecycle, MaxMemory, false, true, kill(OwnOOM), KindOOMKilled, NoWhy},
		{"over its limit, by sampling", worker, AskedLimit, NoWhy, false, true, kill(NoOOM), KindOOMKilled, NoWhy},
		{"stopped doing its work, and ended when it was asked to", service, AskedUnhealthy, NoWhy, false, true, code(0), KindUnhealthy, NoWhy},
		{"stopped doing its work, and did not end", service, AskedUnhealthy, NoWhy, true, true, kill(NoOOM), KindUnhealthy, NoWhy},
		{"stopped doing its work, and ran out of memory", service, AskedUnhealthy, NoWhy, false, true, kill(OwnOOM), KindOOMKilled, NoWhy},
		{"never got ready", service, AskedUnready, NoWhy, true, false, code(0), KindUnhealthy, NoWhy},
	} {
		kind, why := classify(tt.p, Run{N: 1, Asked: tt.asked, Why: tt.why, Forced: tt.force, Up: tt.up, Exit: tt.exit})
		if kind != tt.kind || why != tt.wantW {
			t.Errorf("%s: %v %v, want %v %v", tt.name, kind, why, tt.kind, tt.wantW)
		}
	}
	now := Run{N: 1, Asked: AskedStop, Up: true, Exit: kill(NoOOM), Kills: 1}
	if kind, _ := classify(service, now); kind != KindStopped {
		t.Errorf("stop --now: %v, want %v", kind, KindStopped)
	}
}

func TestFails(t *testing.T) {
	for _, tt := range []struct {
		kind         Kind
		selfKill, up bool
		want         bool
	}{
		{KindCrashed, true, true, true},
		{KindOOMKilled, true, true, true},
		{KindHostOOMKilled, false, true, true},
		{KindUnhealthy, false, false, true},
		{KindKilled, true, true, false}, // a job timeout
		{KindKilled, true, false, true}, // before it was up: no job of its own
		{KindKilled, false, true, true},
		{KindRecycled, true, false, false},
		{KindExited, false, true, false},
		{KindStopped, false, true, false},
		{KindStopTimeout, false, true, false},
	} {
		if got := tt.kind.fails(Policy{SelfKill: tt.selfKill}, tt.up); got != tt.want {
			t.Errorf("%v (self_kill %v, up %v): %v, want %v", tt.kind, tt.selfKill, tt.up, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	const m = 1 << 20
	for _, tt := range []struct {
		name           string
		wire           Wire
		measure, cache int64
		want           Verdict
	}{
		{"over the line", Wire{100 * m, Unlimited, Unlimited, 100 * m}, 100 * m, 0, Verdict{Over: true}},
		{"over the line, whatever the cache", Wire{100 * m, Unlimited, 160 * m, 120 * m}, 101 * m, 50 * m, Verdict{Over: true}},
		{"cache fired it: up by the cache", Wire{100 * m, Unlimited, Unlimited, 100 * m}, 60 * m, 40 * m, Verdict{MoveTo: 140*m + wireStep}},
		{"moved already", Wire{100 * m, Unlimited, Unlimited, 140*m + wireStep}, 60 * m, 40 * m, Verdict{}},
		{"more cache", Wire{100 * m, Unlimited, Unlimited, 140*m + wireStep}, 60 * m, 80 * m, Verdict{MoveTo: 180*m + wireStep}},
		{"less cache: down again", Wire{100 * m, Unlimited, Unlimited, 180*m + wireStep}, 90 * m, 10 * m, Verdict{MoveTo: 110*m + wireStep}},
		{"at memory.max the kernel reclaims anyway", Wire{100 * m, Unlimited, 160 * m, 100 * m}, 60 * m, 100 * m, Verdict{MoveTo: Unlimited}},
		{"never above the user's own memory_high", Wire{100 * m, 120 * m, 160 * m, 100 * m}, 60 * m, 60 * m, Verdict{MoveTo: 120 * m}},
		{"the user's own below the line stays", Wire{100 * m, 80 * m, 160 * m, 80 * m}, 70 * m, 10 * m, Verdict{}},
	} {
		if got := tt.wire.Judge(tt.measure, tt.cache); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if at := (Wire{Line: 100, High: 80}).Arm(); at != 80 {
		t.Errorf("armed at %d, want the lower of line and memory_high", at)
	}
}

func TestWedge(t *testing.T) {
	const window = 2 * time.Second
	type press struct {
		at      time.Duration
		measure int64
		jobs    int
	}
	steady := func(n int, change func(i int, p *press)) []press {
		var out []press
		for i := range n {
			p := press{time.Duration(i)*window + time.Second, 64 << 20, 3}
			if change != nil {
				change(i, &p)
			}
			out = append(out, p)
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		presses []press
		want    bool
	}{
		{"a short stall", steady(5, nil), false},
		{"20 s without a step", steady(11, nil), true},
		{"it crawls, as a throttled one does", steady(20, func(i int, p *press) { p.measure += int64(i) << 18 }), true},
		{"it grows", steady(20, func(i int, p *press) { p.measure += int64(i) << 21 }), false},
		{"jobs end", steady(20, func(i int, p *press) { p.jobs += i / 5 }), false},
		{"a pause between two stalls", steady(20, func(i int, p *press) {
			if i >= 8 {
				p.at += 10 * time.Second
			}
			if i >= 16 {
				p.at += 10 * time.Second
			}
		}), false},
	} {
		var w Wedge
		got := false
		for _, p := range tt.presses {
			var wedged bool
			w, wedged = w.Press(p.at, window, p.measure, p.jobs)
			got = got || wedged
		}
		if got != tt.want {
			t.Errorf("%s: wedged %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDrawLimits(t *testing.T) {
	p := Policy{MaxJobs: 500, MaxAge: time.Hour, Jitter: 0.1}
	for _, tt := range []struct {
		draw float64
		jobs int
		age  time.Duration
	}{
		{0, 500, time.Hour},
		{0.5, 475, 57 * time.Minute},
		{0.999999, 450, 54 * time.Minute},
	} {
		jobs, age := drawLimits(p, tt.draw)
		if jobs != tt.jobs || age.Round(time.Second) != tt.age {
			t.Errorf("draw %v: %d jobs, %v; want %d, %v", tt.draw, jobs, age, tt.jobs, tt.age)
		}
	}
	if jobs, age := drawLimits(Policy{Jitter: 1}, 0.5); jobs != 0 || age != 0 {
		t.Errorf("no limits become %d jobs and %v", jobs, age)
	}
	if jobs, age := drawLimits(Policy{MaxJobs: 1, MaxAge: 1, Jitter: 1}, 0.99); jobs != 1 || age != 1 {
		t.Errorf("the smallest limits become %d jobs and %v, which would mean none", jobs, age)
	}
}

func TestAdmissible(t *testing.T) {
	p := Policy{MinLifetime: 10 * time.Second}
	due := func(why Why, born time.Duration) State {
		return State{Want: true, Due: why, Cur: Run{N: 1, Phase: Running, Born: born}}
	}
	now := time.Minute
	held := State{Want: true, Slot: true, Cur: Run{N: 1, Phase: Stopping, Until: now + 1}}
	for _, tt := range []struct {
		name     string
		parallel int
		states   []State
		want     []int
	}{
		{"one at a time, the oldest first", 1, []State{due(MaxAge, 3), due(MaxAge, 1), due(MaxAge, 2)}, []int{1}},
		{"memory goes before age", 1, []State{due(MaxAge, 1), due(MaxMemory, 9)}, []int{1}},
		{"as many as parallel", 2, []State{due(MaxJobs, 1), due(MaxJobs, 2), due(MaxJobs, 3)}, []int{0, 1}},
		{"a slot that is held counts", 2, []State{held, due(MaxJobs, 2), due(MaxJobs, 3)}, []int{1}},
		{"no slot left", 1, []State{held, due(MaxMemory, 2)}, []int{}},
		{"too young", 3, []State{due(MaxMemory, now-time.Second), due(MaxJobs, 1)}, []int{1}},
		{"a replacement under way", 3, []State{{Want: true, Due: MaxJobs, Cur: Run{N: 1, Phase: Running, Born: 1}, Side: Run{N: 2, Phase: Starting, Until: 1}}}, []int{}},
		{"nothing due", 3, []State{{}, {Cur: Run{N: 1, Phase: Running, Born: 1}}}, []int{}},
	} {
		got := Admissible(p, tt.parallel, tt.states, now)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		room Room
		want bool
	}{
		{Room{Need: 10, HostFree: 10, ProgramFree: -1}, true},
		{Room{Need: 10, HostFree: 9, ProgramFree: -1}, false},
		{Room{Need: 10, HostFree: 99, ProgramFree: 9}, false},
		{Room{Need: 10, HostFree: 99, ProgramFree: 10}, true},
		{Room{Need: 10, HostFree: 99, ProgramFree: 0}, false},
	} {
		if got := tt.room.Fits(); got != tt.want {
			t.Errorf("%+v fits: %v", tt.room, got)
		}
	}
}

func TestNextSample(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name        string
		room, grown int64
		since, want time.Duration
	}{
		{"flat", 100, 0, s, SampleCalm},
		{"shrinking", 100, -5, s, SampleCalm},
		{"there in 3 s: look in 1", 30, 10, s, s},
		{"there at once", 1, 100, s, SampleLow},
		{"there already", 0, 1, s, SampleLow},
		{"there tomorrow", 1 << 40, 1, s, SampleCalm},
		{"no time passed", 100, 10, 0, SampleCalm},
	} {
		if got := NextSample(tt.room, tt.grown, tt.since); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The host is looked at no later than three times before its memory is gone, and
// seldom while it loses none.
func TestNextHostSample(t *testing.T) {
	for _, c := range []struct {
		room, lost int64
		since      time.Duration
		want       time.Duration
	}{
		{900, 0, time.Second, SampleMost},
		{900, -5, time.Second, SampleMost},
		{900, 100, time.Second, 3 * time.Second},
		{900, 1, time.Second, SampleMost},
		{900, 9000, time.Second, SampleLow},
		{0, 1, time.Second, SampleLow},
	} {
		if got := NextHostSample(c.room, c.lost, c.since); got != c.want {
			t.Errorf("%d above the line, %d lost in %v: %v, want %v", c.room, c.lost, c.since, got, c.want)
		}
	}
}
