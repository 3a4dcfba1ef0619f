package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// calm is a host of 8G with nothing wrong: half of it is available, swap is empty.
func calm() Host {
	return Host{
		At:     time.Unix(1000, 0),
		Memory: Memory{Total: 8 * gib, Available: 4 * gib, SwapTotal: 2 * gib, SwapFree: 2 * gib},
		Processes: []Process{
			{PID: 1, Program: "systemd", RSS: 10 * mib, Cgroup: Cgroup{Max: Unlimited}},
			{PID: 50, Parent: 1, Program: "supervisord", Argv: []string{"/usr/bin/python3", "/usr/bin/supervisord"}, RSS: 20 * mib, Cgroup: Cgroup{Max: Unlimited}},
		},
	}
}

// worker is one of Laravel's, limited or not.
func worker(pid int, size, limit int64) Process {
	return Process{PID: pid, Parent: 50, Program: "php artisan queue:work", Argv: []string{"php", "artisan", "queue:work"},
		RSS: size, Anon: size, Pss: size, Cgroup: Cgroup{Path: "/w", Max: limit}}
}

func with(h *Host, p ...Process) { h.Processes = append(h.Processes, p...) }

func redisServer(size int64, c Redis) Process {
	return Process{PID: 70, Parent: 1, Program: "redis-server", RSS: size, Anon: size, Cgroup: Cgroup{Max: Unlimited}, Redis: &c}
}

// TestRules changes one thing of a calm host, on both sides of each line, and says
// which findings that makes: "rule severity".
func TestRules(t *testing.T) {
	saving := Redis{Port: "6379", File: "/etc/redis.conf", Saves: true, MaxMemory: gib}
	for name, c := range map[string]struct {
		change func(*Host)
		want   string
	}{
		"calm": {func(*Host) {}, ""},

		"a tenth available":           {func(h *Host) { h.Memory.Available = h.Memory.Total/10 + 1 }, ""},
		"less than a tenth":           {func(h *Host) { h.Memory.Available = h.Memory.Total/10 - mib }, "memory-low warning"},
		"hardly any":                  {func(h *Host) { h.Memory.Available = h.Memory.Total / 25 }, "memory-low warning"},
		"hardly any, swap full":       {func(h *Host) { h.Memory.Available, h.Memory.SwapFree = h.Memory.Total/25, 0 }, "memory-low serious, swap-full warning"},
		"no swap, much memory":        {func(h *Host) { h.Memory.SwapTotal, h.Memory.SwapFree = 0, 0 }, ""},
		"no swap, little memory":      {func(h *Host) { h.Memory.SwapTotal, h.Memory.SwapFree, h.Memory.Available = 0, 0, 3*gib/2 }, "swap-none warning"},
		"swap nearly full":            {func(h *Host) { h.Memory.SwapFree = 205 * mib }, ""},
		"swap full, much memory":      {func(h *Host) { h.Memory.SwapFree = 200 * mib }, "swap-full note"},
		"no swap and hardly any left": {func(h *Host) { h.Memory = Memory{Total: 8 * gib, Available: gib / 4} }, "memory-low serious, swap-none warning"},

		"a short stall":     {func(h *Host) { h.Pressure = &Pressure{Some: [3]float64{60, 9, 2}, Full: [3]float64{50, 8, 1}} }, ""},
		"a minute of it":    {func(h *Host) { h.Pressure = &Pressure{Some: [3]float64{60, 30, 9}, Full: [3]float64{9, 9, 2}} }, "pressure warning"},
		"all stands still":  {func(h *Host) { h.Pressure = &Pressure{Some: [3]float64{60, 30, 9}, Full: [3]float64{9, 10, 2}} }, "pressure serious"},
		"pressure is quiet": {func(h *Host) { h.Pressure = &Pressure{} }, ""},

		"a limited worker":                  {func(h *Host) { with(h, worker(90, 60*mib, 128*mib)) }, ""},
		"an unlimited worker":               {func(h *Host) { with(h, worker(90, 60*mib, Unlimited)) }, "worker-unlimited warning"},
		"of bulkhead's, which may sample":   {func(h *Host) { h.Processes[1].Program = "bulkhead"; with(h, worker(90, 60*mib, Unlimited)) }, "worker-unlimited note"},
		"a limit of all the memory is none": {func(h *Host) { with(h, worker(90, 60*mib, 8*gib)) }, "worker-unlimited warning"},
		"no cgroup tree to be seen":         {func(h *Host) { with(h, worker(90, 60*mib, unknown)) }, ""},
		"the shell around a worker": {func(h *Host) {
			with(h, Process{PID: 90, Program: "sh -c", Argv: []string{"sh", "-c", "php artisan queue:work"}, Cgroup: Cgroup{Max: Unlimited}})
		}, ""},
		"an editor with its name": {func(h *Host) {
			with(h, Process{PID: 90, Program: "grep", Argv: []string{"grep", "queue:work"}, Cgroup: Cgroup{Max: Unlimited}})
		}, ""},

		"a database first, no worker": {func(h *Host) { with(h, Process{PID: 80, Program: "mysqld", RSS: gib}) }, ""},
		"a database before a worker":  {func(h *Host) { with(h, Process{PID: 80, Program: "mysqld", RSS: gib}, worker(90, 60*mib, 128*mib)) }, "oom-victim note"},
		"and memory is under a half": {func(h *Host) {
			h.Memory.Available = 3 * gib
			with(h, Process{PID: 80, Program: "mysqld", RSS: gib}, worker(90, 60*mib, 128*mib))
		}, "oom-victim warning"},
		"a database that is protected": {func(h *Host) {
			with(h, Process{PID: 80, Program: "mysqld", RSS: gib, OOMScoreAdj: -500}, worker(90, 60*mib, 128*mib))
		}, ""},
		"a database after a worker": {func(h *Host) {
			w := worker(90, 60*mib, 128*mib)
			w.OOMScoreAdj = 500
			with(h, Process{PID: 80, Program: "mysqld", RSS: gib}, w)
		}, ""},
		"swap counts": {func(h *Host) {
			with(h, Process{PID: 80, Program: "mysqld", RSS: 50 * mib, Swap: 20 * mib}, worker(90, 60*mib, 128*mib))
		}, "oom-victim note"},
		"something else goes first":        {func(h *Host) { with(h, Process{PID: 80, Program: "unzip", RSS: 2 * gib}, worker(90, 60*mib, 128*mib)) }, ""},
		"the supervisor before a worker":   {func(h *Host) { h.Processes[1].OOMScoreAdj = 300; with(h, worker(90, 60*mib, 128*mib)) }, "oom-victim note"},
		"the first process is never taken": {func(h *Host) { h.Processes[0].RSS = gib; with(h, worker(90, 60*mib, 128*mib)) }, ""},

		"a small daemon at -1000": {func(h *Host) {
			with(h, Process{PID: 80, Program: "sshd", RSS: 8 * mib, Anon: 8 * mib, OOMScoreAdj: -1000})
		}, ""},
		"a worker at -1000":    {func(h *Host) { w := worker(90, 60*mib, 128*mib); w.OOMScoreAdj = -1000; with(h, w) }, "oom-unkillable warning"},
		"a large one at -1000": {func(h *Host) { with(h, Process{PID: 80, Program: "unzip", RSS: gib, Anon: gib, OOMScoreAdj: -1000}) }, "oom-unkillable warning"},
		"a large one at -999":  {func(h *Host) { with(h, Process{PID: 80, Program: "unzip", RSS: gib, Anon: gib, OOMScoreAdj: -999}) }, ""},
		"half the host at -1000": {func(h *Host) {
			with(h, Process{PID: 80, Program: "java x", RSS: 4 * gib, Anon: 4 * gib, OOMScoreAdj: -1000})
		}, "oom-unkillable serious"},
		"files in memory can be given back": {func(h *Host) {
			with(h, Process{PID: 80, Program: "varnishd", RSS: 4 * gib, Anon: mib, OOMScoreAdj: -1000})
		}, ""},

		"redis with room":                  {func(h *Host) { with(h, redisServer(gib, saving)) }, ""},
		"an old kernel may refuse a fork":  {func(h *Host) { h.Overcommit, h.Kernel = 0, [2]int{5, 1}; with(h, redisServer(gib, saving)) }, "redis-overcommit note"},
		"and what is free is less":         {func(h *Host) { h.Overcommit, h.Kernel = 0, [2]int{4, 19}; with(h, redisServer(3*gib, saving)) }, "redis-overcommit warning"},
		"a newer one does not":             {func(h *Host) { h.Overcommit, h.Kernel = 0, [2]int{5, 2}; with(h, redisServer(gib, saving)) }, ""},
		"nor one that is not known":        {func(h *Host) { h.Overcommit = 0; with(h, redisServer(gib, saving)) }, ""},
		"any may, when it counts strictly": {func(h *Host) { h.Overcommit, h.Kernel = 2, [2]int{6, 12}; with(h, redisServer(gib, saving)) }, "redis-overcommit note"},
		"it does not fork": {func(h *Host) {
			h.Overcommit = 2
			with(h, redisServer(gib, Redis{Port: "6379", File: "/x", MaxMemory: gib}))
		}, ""},
		"redis without room": {func(h *Host) { with(h, redisServer(4*gib+1, saving)) }, "redis-fork serious"},
		"it does not save":   {func(h *Host) { with(h, redisServer(4*gib+1, Redis{Port: "6379", File: "/x", MaxMemory: gib})) }, "redis-fork note"},
		"it only appends": {func(h *Host) {
			with(h, redisServer(4*gib+1, Redis{Port: "6379", Whole: true, Appends: true, MaxMemory: gib}))
		}, "redis-fork serious"},
		"its file was not found": {func(h *Host) { with(h, redisServer(4*gib+1, Redis{Port: "6379", Saves: true})) }, "redis-fork warning"},
		"its cgroup leaves less": {func(h *Host) { p := redisServer(gib, saving); p.Cgroup.Max = 3 * gib / 2; with(h, p) }, "redis-fork serious"},
		"maxmemory is not set":   {func(h *Host) { with(h, redisServer(gib, Redis{Port: "6379", File: "/x", Saves: true})) }, "redis-maxmemory note"},
		"nor of a large one":     {func(h *Host) { with(h, redisServer(3*gib, Redis{Port: "6379", File: "/x", Saves: true})) }, "redis-maxmemory warning"},
		"it may be, who knows":   {func(h *Host) { with(h, redisServer(gib, Redis{Port: "6379", Saves: true})) }, ""},
		"a small one without room": {func(h *Host) {
			h.Memory.Available = gib
			h.Memory.Total = 9 * gib
			with(h, redisServer(400*mib, saving))
			h.Processes[2].Cgroup.Max = 500 * mib
		}, ""},
		"a small one": {func(h *Host) { with(h, redisServer(100*mib, Redis{Port: "6379", File: "/x", Saves: true})) }, ""},

		"a pool in swap": {func(h *Host) {
			for i := range 3 {
				with(h, Process{PID: 80 + i, Program: "php-fpm: pool www", RSS: mib, Swap: 40 * mib})
			}
		}, "pool-swapped note"},
		"and swap is half used": {func(h *Host) {
			h.Memory.SwapFree = gib / 2
			for i := range 3 {
				with(h, Process{PID: 80 + i, Program: "php-fpm: pool www", RSS: mib, Swap: 40 * mib})
			}
		}, "pool-swapped warning"},
		"one of a pool in swap": {func(h *Host) {
			with(h, Process{PID: 80, Program: "php-fpm: pool www", RSS: mib, Swap: 90 * mib}, Process{PID: 81, Program: "php-fpm: pool www", RSS: 90 * mib})
		}, ""},
		"mostly in memory": {func(h *Host) {
			for i := range 3 {
				with(h, Process{PID: 80 + i, Program: "php-fpm: pool www", RSS: 50 * mib, Swap: 40 * mib})
			}
		}, ""},
		"little together": {func(h *Host) {
			for i := range 3 {
				with(h, Process{PID: 80 + i, Program: "php-fpm: pool www", RSS: mib, Swap: 5 * mib})
			}
		}, ""},
	} {
		h := calm()
		h.Overcommit = 1
		c.change(&h)
		r := Diagnose([]Host{h})
		if got := found(r); got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
		var b strings.Builder
		if err := r.Print(&b); err != nil {
			t.Fatal(err)
		}
	}
}

func found(r *Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Rule+" "+f.Severity.String())
	}
	return strings.Join(all, ", ")
}

// TestFull is about growth: in 11 readings a second apart, of which grow changes each.
func TestFull(t *testing.T) {
	for name, c := range map[string]struct {
		grow func(i int64, h *Host)
		want string
	}{
		"nothing grows":     {func(int64, *Host) {}, ""},
		"room falls fast":   {func(i int64, h *Host) { h.Memory.Available -= i * 100 * mib }, "memory-full serious"},
		"room falls":        {func(i int64, h *Host) { h.Memory.Available -= i * 20 * mib }, "memory-full warning"},
		"room falls slowly": {func(i int64, h *Host) { h.Memory.Available -= i * 2 * mib }, ""},
		"room fell at once": {func(i int64, h *Host) { h.Memory.Available -= i / 6 * gib }, ""},
		"room rises":        {func(i int64, h *Host) { h.Memory.Available += i * 100 * mib }, ""},
		"it is swapped out": {func(i int64, h *Host) { h.Memory.SwapFree -= i * 100 * mib }, "memory-full serious"},
		"memory to swap":    {func(i int64, h *Host) { h.Memory.SwapFree -= i * 100 * mib; h.Memory.Available += i * 100 * mib }, ""},
		"a process leaks, room stays": {func(i int64, h *Host) {
			with(h, Process{PID: 80, Program: "leak", Anon: i * 20 * mib, Cgroup: Cgroup{Max: Unlimited}})
		}, "memory-full warning"},
		"in its own limit": {func(i int64, h *Host) {
			with(h, Process{PID: 80, Program: "leak", Anon: i * 20 * mib, Cgroup: Cgroup{Max: gib}})
		}, ""},
		"it grows in files": {func(i int64, h *Host) {
			with(h, Process{PID: 80, Program: "cp", RSS: i * 20 * mib, Cgroup: Cgroup{Max: Unlimited}})
		}, ""},
		"one after another of a name": {func(i int64, h *Host) {
			with(h, Process{PID: 80, Start: uint64(i), Program: "cc", Anon: i * 20 * mib, Cgroup: Cgroup{Max: Unlimited}})
		}, ""},
		"a step is no leak": {func(i int64, h *Host) {
			with(h, Process{PID: 80, Program: "job", Anon: min(i, 3) * 200 * mib, Cgroup: Cgroup{Max: Unlimited}})
		}, ""},
	} {
		var all []Host
		for i := range int64(readings) {
			h := calm()
			h.At = h.At.Add(time.Duration(i) * time.Second)
			c.grow(i, &h)
			all = append(all, h)
		}
		if r := Diagnose(all); found(r) != c.want {
			t.Errorf("%s: found %q, want %q\n%+v", name, found(r), c.want, r.Findings)
		}
	}
}

func TestVictims(t *testing.T) {
	h := calm()
	with(&h,
		Process{PID: 60, Program: "small", RSS: 10 * mib, OOMScoreAdj: 1000},
		Process{PID: 61, Program: "large", RSS: 2 * gib},
		Process{PID: 62, Program: "saved", RSS: 4 * gib, OOMScoreAdj: -900},
		Process{PID: 63, Program: "never", RSS: 7 * gib, OOMScoreAdj: -1000},
		Process{PID: 64, Program: "tables", RSS: gib, PageTables: 5 * gib / 4},
	)
	var got []string
	for _, v := range victims(&h) {
		got = append(got, v.Program)
	}
	if want := "small tables large supervisord saved"; strings.Join(got, " ") != want {
		t.Errorf("the kernel would take %q, want %q", got, want)
	}
}

// TestSafeScore: with the proposed score the process comes behind the other.
func TestSafeScore(t *testing.T) {
	h := calm()
	for _, rss := range []int64{61 * mib, 100 * mib, gib, 5 * gib, 8 * gib} {
		h.Processes = []Process{{PID: 80, Program: "mysqld", RSS: rss}, worker(90, 60*mib, gib)}
		v := victims(&h)
		adj := safeScore(v[0], v[1], h.Memory)
		h.Processes[0].OOMScoreAdj = adj
		if again := victims(&h); again[0].PID != 90 || adj%50 != 0 {
			t.Errorf("%d bytes: %d leaves %s first", rss, adj, again[0].Program)
		}
	}
	if got := safeScore(Victim{Process{OOMScoreAdj: -900}, 100 * gib}, Victim{}, h.Memory); got != -999 {
		t.Errorf("a score out of range: %d", got)
	}
}

func TestLimitFor(t *testing.T) {
	with3 := func(a, b, c int64) *Report {
		h := calm()
		with(&h, worker(90, a, Unlimited), worker(91, b, Unlimited), worker(92, c, Unlimited))
		return Diagnose([]Host{h})
	}
	own := worker(90, 5*gib, Unlimited)
	own.Argv = append(own.Argv, "--memory=200")
	for want, c := range map[int64]struct {
		r *Report
		p Process
	}{
		192 * mib: {with3(90*mib, 4*gib, 80*mib), worker(91, 4*gib, Unlimited)},
		128 * mib: {with3(mib, mib, mib), worker(91, mib, Unlimited)},
		448 * mib: {with3(5*gib, 5*gib, 5*gib), own},
	} {
		if got := c.r.limitFor(c.p); got != want {
			t.Errorf("limit %d, want %d", got, want)
		}
	}
}

func TestSpanText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Millisecond: "5ms", time.Second: "1s", 59 * time.Second: "59s", 60 * time.Second: "1m", 61 * time.Second: "1m1s",
		59*time.Minute + 59600*time.Millisecond: "1h", time.Hour: "1h", 90 * time.Minute: "1h30m", 47 * time.Hour: "47h", 72 * time.Hour: "3 days",
		400 * 24 * time.Hour: "more than a year",
	} {
		if got := spanText(d); got != want {
			t.Errorf("spanText(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestGrowthText(t *testing.T) {
	for want, g := range map[string]Growth{
		"-":         {PerMinute: 5e6, Error: 6e6, Total: 5e6},
		"+10M ±1M":  {PerMinute: float64(10 * mib), Error: float64(mib), Total: float64(2 * mib)},
		"-2G ±512M": {PerMinute: -float64(2 * gib), Error: float64(gib / 2), Total: -float64(gib)},
		"+10M":      {PerMinute: float64(10 * mib), Total: float64(2 * mib)},
	} {
		if got := growthText(g); got != want {
			t.Errorf("%+v: %q, want %q", g, got, want)
		}
	}
	if got := fmt.Sprint(Note, Warning, Serious); got != "note warning serious" {
		t.Error(got)
	}
}
