package conf

import (
	"reflect"
	"slices"
	"strings"
)

// Changes is what a new configuration changes, by program name, sorted.
type Changes struct {
	Added      []string
	Removed    []string
	Changed    []Change
	Supervisor []string // keys of [supervisor] that differ: supervisor.log_level
	Host       bool     // the [host] tables differ, which apply at once
	Notify     bool     // the [[notify]] tables differ, which apply at once
}

// Empty says that nothing differs.
func (c Changes) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Supervisor) == 0 && !c.Host && !c.Notify
}

// Kind is how far a change of one program reaches.
type Kind string

const (
	Scaled  Kind = "scaled"  // only instances to start and to stop
	Live    Kind = "live"    // rules to apply to what runs, and maybe instances to start and to stop
	Restart Kind = "restart" // instances that must be restarted
)

// Change is what differs in one program. The three lists are names of
// instances in their order; an instance in none of them goes on as it is.
type Change struct {
	Program string
	Kind    Kind     // the farthest reaching
	Keys    []string // that differ, sorted: command, limits.memory_max, numprocs
	Start   []string
	Stop    []string
	Restart []string
}

// Diff compares two configurations. Where a program is written and in what
// words makes no difference; priority applies at the next start or stop.
func Diff(old, new *Config) Changes {
	c := Changes{Supervisor: diffSupervisor(old, new), Host: old.Host != new.Host, Notify: !reflect.DeepEqual(normal(old.Notify), normal(new.Notify))}
	before := map[string]Program{}
	for _, p := range old.Programs {
		before[p.Name] = p
	}
	for _, p := range new.Programs {
		o, ok := before[p.Name]
		if !ok {
			c.Added = append(c.Added, p.Name)
			continue
		}
		delete(before, p.Name)
		if change, differs := diffProgram(o, p); differs {
			c.Changed = append(c.Changed, change)
		}
	}
	for name := range before {
		c.Removed = append(c.Removed, name)
	}
	slices.Sort(c.Added)
	slices.Sort(c.Removed)
	slices.SortFunc(c.Changed, func(a, b Change) int { return strings.Compare(a.Program, b.Program) })
	return c
}

// diffProgram compares the program's own keys, then each instance of both.
func diffProgram(old, new Program) (Change, bool) {
	c := Change{Program: new.Name}
	live, restart := false, false
	a, b := programFacts(old), programFacts(new)
	for i := range a {
		if reflect.DeepEqual(normal(a[i].value), normal(b[i].value)) {
			continue
		}
		c.Keys = append(c.Keys, a[i].key)
		live = live || a[i].live
		restart = restart || !a[i].live
	}
	if c.instances(old, new, restart) {
		live = true
	}
	switch {
	case len(c.Restart) > 0 || restart:
		c.Kind = Restart
	case live:
		c.Kind = Live
	default:
		c.Kind = Scaled
	}
	slices.Sort(c.Keys)
	c.Keys = slices.Compact(c.Keys)
	return c, len(c.Keys) > 0
}

// instances fills the three lists. live says that rules of an instance differ that
// apply to what runs.
func (c *Change) instances(old, new Program, restart bool) (live bool) {
	same := Pair(old.Instances, new.Instances)
	for i, in := range new.Instances {
		if same[i] < 0 {
			c.Start = append(c.Start, in.Name)
			continue
		}
		keys := diffInstance(old.Instances[same[i]], in)
		checks := diffChecks(old.Instances[same[i]].Checks, in.Checks)
		c.Keys = append(append(c.Keys, keys...), checks...)
		live = live || len(checks) > 0
		if restart || len(keys) > 0 {
			c.Restart = append(c.Restart, in.Name)
		}
	}
	for i, in := range old.Instances {
		if !slices.Contains(same, i) {
			c.Stop = append(c.Stop, in.Name)
		}
	}
	if len(old.Instances) != len(new.Instances) {
		c.Keys = append(c.Keys, "numprocs")
	} else if !slices.EqualFunc(old.Instances, new.Instances, func(a, b Instance) bool { return a.Name == b.Name }) {
		c.Keys = append(c.Keys, "process_name")
	}
	return live
}

// Pair finds for each of the new instances the old one that it is, by index, or
// -1: the one of its name, else the one of its number, since numprocs 1 and 2
// name the first instance differently.
func Pair(old, new []Instance) []int {
	same := make([]int, len(new))
	for i := range same {
		same[i] = slices.IndexFunc(old, func(o Instance) bool { return o.Name == new[i].Name })
	}
	for i := range same {
		if same[i] >= 0 {
			continue
		}
		at := slices.IndexFunc(old, func(o Instance) bool { return o.Num == new[i].Num })
		if at >= 0 && !slices.Contains(same, at) {
			same[i] = at
		}
	}
	return same
}

// fact is one value of a program by its key.
type fact struct {
	key   string
	live  bool // applies without a restart
	value any
}

// programFacts lists everything that makes a program, but its instances.
// Limits are live: the supervisor sets them on what runs.
func programFacts(p Program) []fact {
	return slices.Concat([]fact{
		{"preset", true, p.Preset},
		{"user", false, p.User},
		{"umask", false, p.Umask},
		{"env_file", false, p.EnvFile},
		{"priority", true, p.Priority},
		{"priority", true, p.GroupPriority},
		{"autostart", true, p.AutoStart},
		{"profile", true, p.Profile},
		{"autorestart", true, p.AutoRestart},
		{"startsecs", true, p.StartSecs},
		{"startretries", true, p.StartRetries},
		{"exitcodes", true, p.ExitCodes},
		{"recycle_exitcodes", true, p.RecycleCodes},
		{"self_kill", true, p.SelfKill},
		{"stopsignal", true, p.StopSignal},
		{"stopwaitsecs", true, p.StopWait},
		{"stopasgroup", true, p.StopAsGroup},
		{"killasgroup", true, p.KillAsGroup},
		{"leftoverwaitsecs", true, p.LeftoverWait},
		{"pause_signal", true, p.PauseSignal},
		{"resume_signal", true, p.ResumeSignal},
		{"notify", false, p.Notify},
		{"job_format", false, p.JobFormat}, // the counter belongs to the run
		{"job_pattern", false, p.JobPattern},
		{"limits.oom_score_adj", true, p.Process.OOMScoreAdj},
		{"limits.oom_score_keep", true, p.Process.OOMScoreFree},
		{"limits.nice", true, p.Process.Nice},
		{"recycle.max_jobs", true, p.Recycle.MaxJobs},
		{"recycle.max_memory", true, p.Recycle.MaxMemory},
		{"recycle.max_age", true, p.Recycle.MaxAge},
		{"recycle.jitter", true, p.Recycle.Jitter},
		{"recycle.min_lifetime", true, p.Recycle.MinLifetime},
		{"recycle.parallel", true, p.Recycle.Parallel},
		{"recycle.overlap", true, p.Recycle.Overlap},
		{"recycle.burst", true, p.Recycle.Burst},
		{"recycle.burst_time", true, p.Recycle.BurstTime},
		{"recycle.when_available_below", true, p.Recycle.WhenAvailableBelow},
		{"recycle.cooldown", true, p.Recycle.Cooldown},
		{"health.interval", true, p.Health.Interval},
		{"health.timeout", true, p.Health.Timeout},
		{"health.retries", true, p.Health.Retries},
		{"health.start", true, p.Health.Start},
		{"health.watchdog", true, p.Health.Watchdog}, // of a run that was not told it holds from the next on
		{"health.silent", true, p.Health.Silent},
		{"health.idle", true, p.Health.Idle},
	}, rlimitFacts(p.Process.Rlimits), cgroupFacts("limits.", p.Limits), totalFacts(p), channelFacts(p))
}

func rlimitFacts(list []Rlimit) []fact {
	var facts []fact
	for _, name := range []string{"nofile", "nproc", "core", "memlock", "stack"} {
		value := any(nil)
		if i := slices.IndexFunc(list, func(l Rlimit) bool { return l.Name == name }); i >= 0 {
			value = list[i]
		}
		facts = append(facts, fact{"limits." + name, true, value})
	}
	return facts
}

func cgroupFacts(table string, l Limits) []fact {
	return []fact{
		{table + "memory_min", true, l.MemoryMin},
		{table + "memory_low", true, l.MemoryLow},
		{table + "memory_high", true, l.MemoryHigh},
		{table + "memory_max", true, l.MemoryMax},
		{table + "memory_swap_max", true, l.MemorySwapMax},
		{table + "cpu_weight", true, l.CPUWeight},
		{table + "cpu_max", true, l.CPUMax},
		{table + "io_weight", true, l.IOWeight},
		{table + "pids_max", true, l.PidsMax},
	}
}

// totalFacts leave out a floor that is only the sum of the instances': scaling
// moves it, and restarts nothing.
func totalFacts(p Program) []fact {
	l := p.Total
	if n := len(p.Instances); l.MemoryMin == totalFloor(p.Limits.MemoryMin, n, l.MemoryMax) {
		l.MemoryMin = -1
	}
	if n := len(p.Instances); l.MemoryLow == totalFloor(p.Limits.MemoryLow, n, l.MemoryMax) {
		l.MemoryLow = -1
	}
	return cgroupFacts("total.", l)
}

// channelFacts are of what a run has open.
func channelFacts(p Program) []fact {
	l, f := Listener{}, Fcgi{}
	if p.Listener != nil {
		l = *p.Listener
	}
	if p.Fcgi != nil {
		f = *p.Fcgi
	}
	return []fact{
		{"group", false, p.GroupName},
		{"stdin", false, p.Stdin},
		{"serverurl", false, p.ServerURL},
		{"stdout_capture_maxbytes", false, p.StdoutCapture.MaxBytes},
		{"stdout_events_enabled", false, p.StdoutCapture.Events},
		{"stdout_syslog", false, p.StdoutCapture.Syslog},
		{"stderr_capture_maxbytes", false, p.StderrCapture.MaxBytes},
		{"stderr_events_enabled", false, p.StderrCapture.Events},
		{"stderr_syslog", false, p.StderrCapture.Syslog},
		{"listener.events", false, l.Events},
		{"listener.buffer_size", false, l.BufferSize},
		{"listener.result_handler", false, l.Handler},
		{"fcgi.socket", false, f.Network + "://" + f.Address},
		{"fcgi.socket_backlog", false, f.Backlog},
		{"fcgi.socket_mode", false, f.Mode},
		{"fcgi.socket_owner", false, []int{f.UID, f.GID}},
	}
}

func diffInstance(a, b Instance) []string {
	var keys []string
	differ := func(key string, x, y any) {
		if !reflect.DeepEqual(normal(x), normal(y)) {
			keys = append(keys, key)
		}
	}
	differ("numprocs_start", a.Num, b.Num)
	differ("command", a.Argv, b.Argv)
	differ("directory", a.Directory, b.Directory)
	differ("environment", a.Environment, b.Environment)
	differ("redirect_stderr", a.RedirectStderr, b.RedirectStderr)
	differ("stdout_logfile", a.Stdout, b.Stdout)
	differ("stderr_logfile", a.Stderr, b.Stderr)
	differ("group", a.Group, b.Group)
	return keys
}

// diffChecks lists the keys that apply without a restart.
func diffChecks(a, b Checks) (keys []string) {
	if a.HTTP != b.HTTP {
		keys = append(keys, "health.http")
	}
	if a.TCP != b.TCP {
		keys = append(keys, "health.tcp")
	}
	if !slices.Equal(a.Command, b.Command) {
		keys = append(keys, "health.command")
	}
	return keys
}

// normal makes an empty list or table equal to none.
func normal(v any) any {
	if r := reflect.ValueOf(v); (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.Len() == 0 {
		return nil
	}
	return v
}
